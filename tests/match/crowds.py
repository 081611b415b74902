"""A table of many tracklets, as a matcher of a large site holds at a revision."""

from __future__ import annotations

import numpy as np

from reid_tracker.match.places.trails import BUCKET_S, GroundTrails
from reid_tracker.match.tracklets.prototypes import PrototypeMemory
from reid_tracker.match.tracklets.table import TrackletTable
from tests.benchmarks.city_looks import LookModel, Looks

SPAN_S = 60.0


def crowd(
    count: int,
    people: int,
    prototypes: int,
    *,
    ground: bool,
    looks: LookModel | None = None,
    seed: int = 0,
) -> TrackletTable:
    """Return tracklets of 20 cameras that begin within a minute, with 512 numbers an embedding.

    Without a model of looks, embeddings of different people are orthogonal.
    """
    rng = np.random.default_rng(seed)
    table = TrackletTable(PrototypeMemory(6, 0.3), GroundTrails())
    start_s = np.sort(rng.uniform(0, SPAN_S, count))
    cameras = rng.integers(0, 20, count)
    rows = table.rows_of_keys(cameras, np.arange(count), start_s)
    table.last_s[rows] = start_s + rng.uniform(1, 10, count)
    who = rng.integers(0, people, count)
    if looks:
        once = np.ones(count, np.int64)
        vectors = Looks(looks, seed).tracklets(who, cameras, once, prototypes, 0)
    else:
        vectors = rng.normal(size=(people, 1, 512))[who].astype(np.float32)
        vectors = vectors + 0.4 * rng.normal(size=(count, prototypes, 512)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=2, keepdims=True)
    weights = np.ones((count, prototypes), np.float32)
    table.prototypes.put(rows, vectors, weights)
    table.hits[rows], table.quality[rows] = 5, 4
    if ground:
        places = rng.uniform(0, 50, (people, 2))[who]
        for time_s in np.arange(0, SPAN_S, BUCKET_S).tolist():
            here = rows[(table.first_s[rows] <= time_s) & (table.last_s[rows] >= time_s)]
            table.trails.add(here, places[here], time_s)
    return table
