"""Small synthetic worlds: people with embeddings of their own walk past cameras on a schedule."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from reid_tracker.config import MatchConfig
from reid_tracker.match import CrossCameraMatcher, Passage, Topology
from reid_tracker.match.decide.evidence import Pairs
from reid_tracker.match.tracklets.prototypes import PrototypeMemory
from reid_tracker.types import Embeddings, Identities, Tracks
from tests.examples import examples

STEP_S = 0.5

some = settings(max_examples=examples(40), deadline=None, derandomize=True)
seeds = st.integers(0, 2**32 - 1)

QUICK = MatchConfig(min_hits=2, patience_s=1.0, revise_every_s=3.0)
TOPOLOGY = Topology(
    passages=(
        Passage(("a", "b"), overlap=True, max_s=30.0),
        Passage(("b", "c"), min_s=2.0, max_s=30.0),
        Passage(("a", "c"), min_s=4.0, max_s=60.0),
    ),
    unlisted="closed",
)


@dataclass(frozen=True)
class Visit:
    """A track: a person seen by a camera from start to end, both included, except in a pause."""

    camera: str
    track: int
    person: int
    start_s: float
    end_s: float
    pause_s: tuple[float, float] = (np.inf, np.inf)

    def seen(self, time_s: float) -> bool:
        """Whether the track is reported at this time."""
        inside = self.start_s <= time_s <= self.end_s
        return inside and not self.pause_s[0] <= time_s <= self.pause_s[1]


def tracks(ids: list[int], boxes: np.ndarray | None = None) -> Tracks:
    """Return confident tracks, far from each other unless boxes (M, 4) are given."""
    count = len(ids)
    left = 100.0 * np.arange(count)
    boxes = np.stack([left, left * 0, left + 40, left * 0 + 90], 1) if boxes is None else boxes
    return Tracks(
        ids=np.array(ids, np.int64),
        boxes=boxes.astype(np.float32),
        scores=np.full(count, 0.9, np.float32),
        classes=np.zeros(count, np.int64),
        ages_s=np.zeros(count),
        observed=np.ones(count, np.bool_),
        detection_index=np.arange(count),
    )


def embeddings_of(people: list[int], rng: np.random.Generator, noise: float = 0.02) -> Embeddings:
    """Return (M, 32) unit embeddings: one direction a person, and noise."""
    rows = np.eye(32)[np.array(people, int) % 32] + noise * rng.normal(size=(len(people), 32))
    unit: Embeddings = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit


def frames(
    visits: list[Visit], noise: float = 0.02, seed: int = 0
) -> list[tuple[float, str, Tracks, Embeddings]]:
    """Return all frames by time and camera: time, camera, tracks, embeddings."""
    rng = np.random.default_rng(seed)
    end_s = max(visit.end_s for visit in visits)
    found = []
    for time_s in np.arange(0, end_s + STEP_S, STEP_S).tolist():
        for camera in sorted({visit.camera for visit in visits}):
            here = [v for v in visits if v.camera == camera and v.seen(time_s)]
            here.sort(key=lambda visit: visit.track)
            rows = embeddings_of([visit.person for visit in here], rng, noise)
            found.append((time_s, camera, tracks([v.track for v in here]), rows))
    return found


def run(
    matcher: CrossCameraMatcher, visits: list[Visit], noise: float = 0.02
) -> list[tuple[float, str, Identities]]:
    """Run a matcher through a world and return what it said of each frame."""
    return [
        (time_s, camera, matcher.update(camera, seen, rows, time_s))
        for time_s, camera, seen, rows in frames(visits, noise)
    ]


def memory(rows: int, prototypes: int = 3, spread: float = 0.3) -> PrototypeMemory:
    made = PrototypeMemory(prototypes, spread)
    made.grow(rows)
    return made


def random_pairs(rng: np.random.Generator, count: int) -> Pairs:
    def symmetric(part: float) -> np.ndarray:
        upper = np.triu(rng.random((count, count)) < part, 1)
        return np.asarray(upper | upper.T | np.eye(count, dtype=bool))

    costs = rng.random((count, count))
    costs = (costs + costs.T) / 2
    costs[~symmetric(0.75)] = np.inf
    return Pairs(costs, symmetric(0.7))
