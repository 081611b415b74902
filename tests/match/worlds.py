"""Small synthetic worlds: people with looks of their own, walking past cameras on a schedule."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reid_tracker.match import CrossCameraMatcher
from reid_tracker.types import Embeddings, Identities, Tracks

STEP_S = 0.5


@dataclass(frozen=True)
class Visit:
    """A track: who is seen by which camera, from when to when, both included, but in a pause."""

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


def looks(people: list[int], rng: np.random.Generator, noise: float = 0.02) -> Embeddings:
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
            rows = looks([visit.person for visit in here], rng, noise)
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
