"""A simulated city: cameras on a street graph and people who walk past; reproducible by seed.

Cameras stand at the crossings of an irregular grid with about 18 m between crossings; some streets
are missing. A person walks from crossing to crossing at an individual speed, rarely turns back, and
sometimes stops. Each crossing makes a tracklet; some are missed, some are split.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reid_tracker.match import Passage, Topology

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

SPACING_M = 18.0
VIEW_M = 8.0  # of street that a camera sees
MISSING_STREETS = 0.1
PACE_M_S, PACE_SPREAD = 1.35, 0.18  # log-normal over people
DAWDLE = 0.22  # standard deviation of the logarithm of a leg's or a view's time
TURNS_BACK = 0.05
MISSED = 0.02
BROKEN = 0.15
BREAK_S = (0.3, 1.5)
TAIL = 2.75  # standard deviations within which the topology's times lie: 99% of the ways


class Streets(NamedTuple):
    """The street graph.

    Attributes:
        neighbours: (C, 4) int64 numbers of the crossings next to each, -1 where there is none.
        metres: (C, 4) length of the streets.
    """

    neighbours: IntArray
    metres: FloatArray


@dataclass(frozen=True, eq=False)
class World:
    """All tracklets of a city, in the order in which they end.

    Attributes:
        streets: where the cameras are.
        person: (N,) int64 who it truly is.
        camera: (N,) int64.
        first_s: (N,) seconds.
        last_s: (N,) seconds.
        looks: (N,) int64 independent looks.
    """

    streets: Streets
    person: IntArray
    camera: IntArray
    first_s: FloatArray
    last_s: FloatArray
    looks: IntArray

    def __len__(self) -> int:
        """Number of tracklets."""
        return len(self.person)


def streets(cameras: int, seed: int) -> Streets:
    """Lay out a city; every crossing keeps at least one street."""
    random = np.random.default_rng((seed, 1))
    side = math.ceil(math.sqrt(cameras))
    number = np.arange(cameras)
    row, column = number // side, number % side
    place = SPACING_M * (np.stack([column, row], 1) + random.uniform(-0.25, 0.25, (cameras, 2)))
    neighbours = np.full((cameras, 4), -1)
    metres = np.full((cameras, 4), np.nan)
    degree = np.zeros(cameras, np.int64)
    pairs = [
        (here, here + step)
        for step, inside in ((1, column + 1 < side), (side, row + 1 < side))
        for here in np.flatnonzero(inside & (number + step < cameras)).tolist()
    ]
    gone = random.uniform(size=len(pairs)) < MISSING_STREETS
    # Missing streets come last and are built where a crossing would have none.
    for which in (*np.flatnonzero(~gone).tolist(), *np.flatnonzero(gone).tolist()):
        one, other = pairs[which]
        if not gone[which] or not degree[one] or not degree[other]:
            length = float(np.linalg.norm(place[one] - place[other]))
            for a, b in ((one, other), (other, one)):
                neighbours[a, degree[a]], metres[a, degree[a]] = b, length
                degree[a] += 1
    return Streets(neighbours, metres)


def topology(city: Streets) -> Topology:
    """Return the topology of the city: passages with minimum and maximum times."""
    spread = math.hypot(PACE_SPREAD, DAWDLE)
    passages = []
    for one, row in enumerate(city.neighbours.tolist()):
        for slot, other in enumerate(row):
            if other > one:
                middle_s = float(city.metres[one, slot] - VIEW_M) / PACE_M_S
                passages.append(
                    Passage(
                        (name(one), name(other)),
                        min_s=middle_s * math.exp(-TAIL * spread),
                        max_s=middle_s * math.exp(TAIL * spread),
                    )
                )
    return Topology(tuple(passages), returning_s=2 * BREAK_S[1], unlisted="closed")


def name(camera: int) -> str:
    """Return the name of a camera."""
    return f"camera {camera:05d}"


def walk(cameras: int, people: int, seconds: float, seed: int = 0) -> World:
    """Simulate walking people for a time; everybody starts somewhere on the way."""
    random = np.random.default_rng((seed, 2))
    city = streets(cameras, seed)
    pace = PACE_M_S * np.exp(PACE_SPREAD * random.standard_normal(people))
    here = random.integers(0, cameras, people)
    came_from = np.full(people, -1)
    now_s = random.uniform(-SPACING_M, 0, people) / pace
    parts = []
    walking = np.arange(people)
    while len(walking):
        view_s = VIEW_M / pace[walking] * _dawdle(random, len(walking))
        first_s, last_s = now_s[walking], now_s[walking] + view_s
        parts.append((walking, here[walking], first_s, last_s))
        slot = _next_street(random, city, here[walking], came_from[walking])
        way_m = np.maximum(city.metres[here[walking], slot] - VIEW_M, 1.0)
        came_from[walking] = here[walking]
        here[walking] = city.neighbours[here[walking], slot]
        now_s[walking] = last_s + way_m / pace[walking] * _dawdle(random, len(walking))
        walking = walking[now_s[walking] < seconds]
    person, camera, first_s, last_s = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    seen = (first_s >= 0) & (last_s <= seconds) & (random.uniform(size=len(person)) >= MISSED)
    return _tracked(random, city, person[seen], camera[seen], first_s[seen], last_s[seen])


def _dawdle(random: np.random.Generator, count: int) -> FloatArray:
    bounded = random.standard_normal(count).clip(-2.5, 2.5)
    factor: FloatArray = np.exp(DAWDLE * bounded)
    return factor


def _next_street(
    random: np.random.Generator, city: Streets, here: IntArray, came_from: IntArray
) -> IntArray:
    """Choose a street for everybody at a crossing."""
    ways = city.neighbours[here]
    weight = np.where(ways == came_from[:, None], TURNS_BACK, 1.0) * (ways >= 0)
    total = weight.cumsum(axis=1)
    chosen = random.uniform(size=len(here)) * total[:, -1]
    slot: IntArray = (total <= chosen[:, None]).sum(axis=1)
    return slot


def _tracked(
    random: np.random.Generator,
    city: Streets,
    person: IntArray,
    camera: IntArray,
    first_s: FloatArray,
    last_s: FloatArray,
) -> World:
    """Split some visits in two, as trackers do, and sort all by their end."""
    broken = np.flatnonzero(random.uniform(size=len(person)) < BROKEN)
    pause_s = random.uniform(*BREAK_S, len(broken))
    middle_s = (first_s[broken] + last_s[broken]) / 2
    first_s = np.concatenate([first_s, middle_s + pause_s / 2])
    ends_s = last_s[broken]
    last_s = last_s.copy()
    last_s[broken] = middle_s - pause_s / 2
    last_s = np.concatenate([last_s, ends_s])
    person = np.concatenate([person, person[broken]])
    camera = np.concatenate([camera, camera[broken]])
    # A track of a fraction of a second is not reported.
    kept = last_s - first_s >= 0.5
    order = np.flatnonzero(kept)[np.lexsort((person[kept], camera[kept], last_s[kept]))]
    looks = np.rint((last_s - first_s)[order]).astype(np.int64).clip(2, 8)
    return World(city, person[order], camera[order], first_s[order], last_s[order], looks)
