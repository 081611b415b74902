"""Small synthetic worlds of whole tracklets, as camera hosts send them in batches."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from reid_tracker.config import MatchConfig
from reid_tracker.match import (
    CrossCameraMatcher,
    Passage,
    Topology,
    TrackletBatch,
)
from tests.match.worlds import embeddings_of

CONFIG = MatchConfig(
    prototypes=1, min_hits=2, patience_s=1.0, revise_every_s=0.0, tight=0.25, loose=0.4
)
CAMERAS = "abcd"
TOPOLOGY = Topology(
    passages=(
        Passage(("a", "b"), overlap=True, max_s=10.0),
        Passage(("b", "c"), min_s=2.0, max_s=10.0),
        Passage(("c", "d"), min_s=0.0, max_s=10.0),
    ),
    returning_s=6.0,
    unlisted="closed",
)


Row = tuple[str, int, float, float, int]
"""A tracklet: camera, track, start and end in seconds, person."""


def batch(*rows: Row, noise: float = 0.02) -> TrackletBatch:
    """Return tracklets that made one prototype of five embeddings."""
    seen = [
        embeddings_of([person], np.random.default_rng(track), noise)
        for _, track, _, _, person in rows
    ]
    return TrackletBatch(
        [row[0] for row in rows],
        np.array([row[1] for row in rows], np.int64),
        np.array([row[2] for row in rows]),
        np.array([row[3] for row in rows]),
        np.stack(seen) if seen else np.zeros((0, 1, 32), np.float32),
        np.full((len(rows), 1), 5.0),
        np.full(len(rows), 5),
        np.full(len(rows), 4.5),
    )


@st.composite
def rows(draw: st.DrawFn) -> list[Row]:
    """Tracklets that are easy to confuse: few people, any camera, any time."""
    found = []
    for track in range(1, draw(st.integers(2, 14)) + 1):
        first = draw(st.integers(0, 40)) / 2
        last = first + draw(st.integers(0, 10)) / 2
        camera = draw(st.sampled_from(CAMERAS))
        found.append((camera, track, first, last, draw(st.integers(0, 2))))
    return found


def send(matcher: CrossCameraMatcher, given: list[Row], noise: float = 0.3) -> None:
    """Send tracklets as they end, in batches of two seconds, and wait for the last one."""
    for end in range(2, 32, 2):
        matcher.update_tracklets(
            batch(*(row for row in given if end - 2 <= row[3] < end), noise=noise), float(end)
        )
