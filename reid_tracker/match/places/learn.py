"""Travel times between cameras, learned during a run and turned into safe limits.

`learn_topology` describes the transits that were seen; this file decides what they allow us to
forbid. A wrong limit costs more than a missing one, because forbidden transits are never seen
again. So:

- Only confident transits count, and a pair of cameras needs many of them.
- A limit allows for all of them, not just for most.
- A maximum time needs transits that began long enough ago: one minute after the start, no transit
  of two minutes can have been seen. If none of 30 such transits took longer than the limit, at most
  one in ten people does (95 % confidence, "rule of three"), and the limit is wider still.
- Two views count as separate only if every transit took a while.
- The time until people return to the same camera is never limited.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from reid_tracker.arrays import FloatArray
from reid_tracker.match.places.topology import Passage, Topology
from reid_tracker.match.places.transit import Sighting, consecutive

_SLACK = 1.0
"""The longest time seen counts double, the shortest half."""

_MIN_WAIT_S = 1.0
"""Below this minimum time, views that touch and views that overlap look the same."""


@dataclass(frozen=True, eq=False)
class PairLinks:
    """Confident transits between two different cameras, in both directions.

    Attributes:
        between: the two cameras, by name.
        waits_s: (N,) seconds from leaving one to entering the other; negative: seen by both.
        left_s: (N,) time of leaving, seconds.
    """

    between: tuple[str, str]
    waits_s: FloatArray
    left_s: FloatArray

    def passage(self, now_s: float, min_links: int) -> Passage | None:
        """Return the limits that these transits support; each needs `min_links` transits."""
        if len(self.waits_s) < max(min_links, 1):
            return None
        shortest_s = float(self.waits_s.min()) / (1 + _SLACK)
        overlap = shortest_s < _MIN_WAIT_S
        longest_s = max(float(self.waits_s.max()), _MIN_WAIT_S) * (1 + _SLACK)
        watched = int(np.count_nonzero(self.left_s <= now_s - longest_s))
        return Passage(
            between=self.between,
            min_s=0.0 if overlap else round(shortest_s, 2),
            max_s=round(longest_s, 2) if watched >= min_links else None,
            overlap=overlap,
        )


def confident_links(sightings: Iterable[Sighting], min_score: float) -> list[PairLinks]:
    """Collect the transits from one camera to another whose two sightings are both confident.

    The sightings come in any order; identity 0, "not sure", is left out.
    """
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for before, after in consecutive(sightings):
        sure = min(before.score, after.score) >= min_score
        if sure and before.camera != after.camera:
            first, second = sorted((before.camera, after.camera))
            left_s = min(before.last_s, after.last_s)
            found.setdefault((first, second), []).append((after.first_s - left_s, left_s))
    links = []
    for pair in sorted(found):
        waits_s, left_s = np.array(found[pair]).T
        links.append(PairLinks(pair, waits_s, left_s))
    return links


def supported_topology(links: Iterable[PairLinks], now_s: float, min_links: int) -> Topology:
    """Make a topology with those limits that at least `min_links` transits of a pair support."""
    passages = [pair.passage(now_s, min_links) for pair in links]
    return Topology(passages=tuple(passage for passage in passages if passage is not None))
