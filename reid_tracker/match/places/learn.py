"""Times between cameras learned while people are watched, never tighter than what was seen allows.

`learn_topology` describes what was seen; this file decides what may be forbidden because of it. A
wrong gate costs more than a missing one, and what a gate forbids can no longer be seen. Hence:

- Only confident ways count, and a pair of cameras needs many of them.
- The gate is wider than every one of them, not than most of them.
- The longest time needs ways that began long enough ago: after a minute, nobody can have been
  seen to take two. With 30 such ways and none longer, at most one in ten people is (95 % sure,
  "rule of three"), and the gate is wider still.
- That nobody was seen by both cameras at once forbids it only where everybody took a while.
- Coming back to the same camera is never limited.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reid_tracker.match.places.topology import Passage, Topology
from reid_tracker.match.places.transit import Sighting

FloatArray = npt.NDArray[np.float64]

_SLACK = 1.0
"""The longest time seen counts double, the shortest half."""

_LEAST_WAIT_S = 1.0
"""A shortest time below this does not tell views that touch from views that overlap."""


@dataclass(frozen=True, eq=False)
class PairLinks:
    """Confident ways between two different cameras, in both directions.

    Attributes:
        between: the cameras, by name.
        waits_s: (N,) seconds from leaving one to entering the other; negative: seen by both.
        left_s: (N,) time at which they left.
    """

    between: tuple[str, str]
    waits_s: FloatArray
    left_s: FloatArray

    def passage(self, now_s: float, least_links: int) -> Passage | None:
        """Return what these ways allow to say of the pair; None: nothing yet.

        Args:
            now_s: the present.
            least_links: ways needed for each limit.
        """
        if len(self.waits_s) < max(least_links, 1):
            return None
        shortest_s = float(self.waits_s.min()) / (1 + _SLACK)
        overlap = shortest_s < _LEAST_WAIT_S
        longest_s = max(float(self.waits_s.max()), _LEAST_WAIT_S) * (1 + _SLACK)
        watched = int(np.count_nonzero(self.left_s <= now_s - longest_s))
        return Passage(
            between=self.between,
            min_s=0.0 if overlap else round(shortest_s, 2),
            max_s=round(longest_s, 2) if watched >= least_links else None,
            overlap=overlap,
        )


def confident_links(sightings: Iterable[Sighting], least_score: float) -> list[PairLinks]:
    """Collect the ways of people from one camera to the next, where both sightings are confident.

    Args:
        sightings: in any order; identity 0, "not sure", is left out.
        least_score: similarity that both sightings need.
    """
    known = [item for item in sightings if item.identity > 0]
    known.sort(key=lambda item: (item.identity, item.first_s, item.last_s, item.camera))
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for before, after in itertools.pairwise(known):
        sure = min(before.score, after.score) >= least_score
        if sure and before.identity == after.identity and before.camera != after.camera:
            first, second = sorted((before.camera, after.camera))
            left_s = min(before.last_s, after.last_s)
            found.setdefault((first, second), []).append((after.first_s - left_s, left_s))
    links = []
    for pair in sorted(found):
        waits_s, left_s = np.array(found[pair]).T
        links.append(PairLinks(pair, waits_s, left_s))
    return links


def supported_topology(links: Iterable[PairLinks], now_s: float, least_links: int) -> Topology:
    """Make a topology that forbids no more than these ways support; other pairs stay open.

    Args:
        links: from `confident_links`.
        now_s: the present.
        least_links: ways needed for a limit of a pair.
    """
    passages = [pair.passage(now_s, least_links) for pair in links]
    return Topology(passages=tuple(passage for passage in passages if passage is not None))
