"""A table of many tracklets, as a matcher of a large site holds at a revision."""

from __future__ import annotations

import numpy as np

from reid_tracker.match.places.trails import BUCKET_S, GroundTrails
from reid_tracker.match.tracklets.prototypes import PrototypeMemory
from reid_tracker.match.tracklets.table import TrackletTable

SPAN_S = 60.0


def crowd(count: int, people: int, prototypes: int, *, ground: bool) -> TrackletTable:
    """Return tracklets of 20 cameras that begin within a minute, with 512 numbers an embedding."""
    rng = np.random.default_rng(0)
    table = TrackletTable(PrototypeMemory(6, 0.3), GroundTrails())
    start_s = np.sort(rng.uniform(0, SPAN_S, count))
    rows = table.rows_of_keys(rng.integers(0, 20, count), np.arange(count), start_s)
    table.last_s[rows] = start_s + rng.uniform(1, 10, count)
    who = rng.integers(0, people, count)
    looks = rng.normal(size=(people, 1, 512))[who] + 0.4 * rng.normal(size=(count, prototypes, 512))
    looks /= np.linalg.norm(looks, axis=2, keepdims=True)
    weights = np.ones((count, prototypes), np.float32)
    table.prototypes.put(rows, looks.astype(np.float32), weights)
    table.hits[rows], table.quality[rows] = 5, 4
    if ground:
        places = rng.uniform(0, 50, (people, 2))[who]
        for time_s in np.arange(0, SPAN_S, BUCKET_S).tolist():
            here = rows[(table.first_s[rows] <= time_s) & (table.last_s[rows] >= time_s)]
            table.trails.add(here, places[here], time_s)
    return table
