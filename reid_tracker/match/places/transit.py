"""Transit times of people between cameras, and a topology made of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from reid_tracker.arrays import FloatArray, IntArray
from reid_tracker.match.places.topology import Passage, Topology


@dataclass(frozen=True)
class Sighting:
    """A person followed by one camera without a break.

    Attributes:
        camera: its name.
        identity: number of the person.
        first_s: start, seconds.
        last_s: end, seconds.
        score: similarity in [0, 1] on which the identity rests; ignored by ==.
    """

    camera: str
    identity: int
    first_s: float
    last_s: float
    score: float = field(default=1.0, compare=False)


@dataclass(frozen=True, eq=False)
class Transit:
    """The transits of people from one camera to the next one that saw them.

    Attributes:
        source: camera they left.
        target: camera they came to; may be the same.
        waits_s: (N,) seconds between the two, ascending; negative if both saw them at once.
        people: number of different people.
    """

    source: str
    target: str
    waits_s: FloatArray
    people: int = 0

    def histogram(self, bin_s: float = 1.0) -> tuple[IntArray, FloatArray]:
        """Return (B,) counts and the (B + 1,) edges of bins of equal width, seconds."""
        low, high = np.floor(self.waits_s[[0, -1]] / bin_s)
        edges = np.arange(low, high + 2) * bin_s
        counts, edges = np.histogram(self.waits_s, edges)
        return counts.astype(np.int64), edges


def transits(sightings: Iterable[Sighting]) -> list[Transit]:
    """Collect the transits of each person, by the names of the two cameras.

    The sightings come in any order; identity 0, "not sure", is left out.
    """
    waits: dict[tuple[str, str], list[float]] = {}
    people: dict[tuple[str, str], set[int]] = {}
    for before, after in consecutive(sightings):
        pair = before.camera, after.camera
        waits.setdefault(pair, []).append(after.first_s - min(before.last_s, after.last_s))
        people.setdefault(pair, set()).add(before.identity)
    return [
        Transit(source, target, np.sort(waits[source, target]), len(people[source, target]))
        for source, target in sorted(waits)
    ]


def consecutive(sightings: Iterable[Sighting]) -> Iterator[tuple[Sighting, Sighting]]:
    """Yield each sighting of a known person with the next one of the same person."""
    known = [item for item in sightings if item.identity > 0]
    known.sort(key=lambda item: (item.identity, item.first_s, item.last_s, item.camera))
    for before, after in itertools.pairwise(known):
        if before.identity == after.identity:
            yield before, after


def learn_topology(
    learned: Iterable[Transit], *, least_people: int = 5, spread: float = 0.05, slack: float = 0.5
) -> Topology:
    """Make a topology from transits; pairs of cameras with few transits stay open.

    Args:
        learned: from `transits`.
        least_people: minimum number of transits of a pair, both directions together.
        spread: part of the transits that may be errors, at either end.
        slack: widens the range of times by this part on both sides, because others walk faster or
            slower than the people seen so far.
    """
    both: dict[tuple[str, str], list[FloatArray]] = {}
    for item in learned:
        first, second = sorted((item.source, item.target))
        both.setdefault((first, second), []).append(item.waits_s)
    passages = []
    for pair, parts in sorted(both.items()):
        waits_s = np.concatenate(parts)
        if len(waits_s) < least_people:
            continue
        low, high = np.quantile(waits_s, [spread, 1 - spread])
        overlap = bool(low < 0) and pair[0] != pair[1]
        passages.append(
            Passage(
                between=pair,
                min_s=0.0 if overlap else float(max(low, 0) / (1 + slack)),
                max_s=float(max(high, 0) * (1 + slack)),
                overlap=overlap,
            )
        )
    return Topology(passages=tuple(passages))
