"""How much speaks for two tracklets being one person: looks, and where they stand on the floor."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reid_tracker.config import MatchConfig
from reid_tracker.match.tracklets.prototypes import prototype_distance
from reid_tracker.match.tracklets.table import TrackletTable

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

_LEAST_BUCKETS = 3  # a single common moment may be a slip of one detector


def pair_costs(
    table: TrackletTable, rows_a: IntArray, rows_b: IntArray, config: MatchConfig
) -> FloatArray:
    """Return the cost of calling every pair of tracklets one person.

    It is the cosine distance of their looks. Where both have been on the floor at the same time,
    standing together lowers it and standing apart raises it, by at most `floor_weight`; apart by
    more than `floor_gate_m`, or farther than a person runs between two sightings, is +inf.

    Args:
        table: all tracklets.
        rows_a: (A,) rows of it.
        rows_b: (B,) rows of it.
        config: thresholds and weights.

    Returns:
        (A, B) float64 costs.
    """
    looks = table.looks
    costs: FloatArray
    if config.prototypes == 1:
        costs = (1 - looks.means(rows_a) @ looks.means(rows_b).T).astype(np.float64)
    else:
        costs = prototype_distance(
            *(looks.vectors[rows_a], looks.weights[rows_a]),
            *(looks.vectors[rows_b], looks.weights[rows_b]),
        ).astype(np.float64)
    if not np.isfinite(table.trails.last[rows_a]).any():
        return costs
    together = table.trails.together(rows_a, rows_b)
    known = together.buckets >= _LEAST_BUCKETS
    apart = np.where(known, together.metres / config.floor_gate_m, 0.5)
    costs += config.floor_weight * (2 * np.minimum(apart, 1) - 1)
    costs[(known & (apart > 1)) | _too_fast(table, rows_a, rows_b, config)] = np.inf
    return costs


def _too_fast(
    table: TrackletTable, rows_a: IntArray, rows_b: IntArray, config: MatchConfig
) -> npt.NDArray[np.bool_]:
    """Whether a person would have to run faster than `floor_speed_m_s` from one to the other."""
    trails = table.trails
    wait_ab = trails.first_s[None, rows_b] - trails.last_s[rows_a, None]
    wait_ba = trails.first_s[rows_a, None] - trails.last_s[None, rows_b]
    way_ab = np.linalg.norm(trails.last[rows_a, None] - trails.first[None, rows_b], axis=2)
    way_ba = np.linalg.norm(trails.first[rows_a, None] - trails.last[None, rows_b], axis=2)
    way, wait = np.where(wait_ab > 0, way_ab, way_ba), np.maximum(wait_ab, wait_ba)
    # The gate is also the uncertainty of a position; NaN, no position, is never too fast.
    too_fast: npt.NDArray[np.bool_] = (wait > 0) & (
        way > config.floor_gate_m + config.floor_speed_m_s * wait
    )
    return too_fast
