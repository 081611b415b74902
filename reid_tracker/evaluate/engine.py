"""The metric classes of trackeval, and conversion to their input format."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from reid_tracker.arrays import FloatArray, IntArray
from reid_tracker.errors import InputError, MissingDependencyError

_MOST_BYTES = 8 << 30


class TrackMetrics(NamedTuple):
    """One object of each of trackeval's metric classes."""

    hota: Any
    clear: Any
    identity: Any


def load_metrics() -> TrackMetrics:
    """Return trackeval's metrics with its default settings, as the benchmarks use them.

    Raises:
        MissingDependencyError: trackeval is not installed.
    """
    try:
        from trackeval.metrics import CLEAR, HOTA, Identity
    except ImportError:
        raise MissingDependencyError(
            "scores of tracks need the package trackeval; install it with "
            "pip install 'reid-tracker[eval]'"
        ) from None
    silent = {"PRINT_CONFIG": False}
    return TrackMetrics(HOTA(), CLEAR(silent), Identity(silent))


def metric_data(
    true_ids: Sequence[IntArray], found_ids: Sequence[IntArray], overlaps: Sequence[FloatArray]
) -> dict[str, Any]:
    """Convert the ids and overlaps of each frame to the input of trackeval's metrics.

    Ids are renumbered from 0, so memory depends on their number, not on their size.

    Args:
        true_ids: (G,) ids of the ground truth in each frame.
        found_ids: (R,) ids of the result in each frame.
        overlaps: (G, R) IoU in each frame.

    Raises:
        InputError: there are so many ids that the metrics would need more than 8 GiB.
    """
    true_rows, true_count = _from_zero(true_ids)
    found_rows, found_count = _from_zero(found_ids)
    # HOTA keeps a table of id pairs for each of 19 thresholds; Identity solves a square assignment.
    needed = 8 * (24 * true_count * found_count + 4 * (true_count + found_count) ** 2)
    if needed > _MOST_BYTES:
        raise InputError(
            f"{true_count} true and {found_count} found ids need {needed >> 30} GiB to be scored, "
            f"at most {_MOST_BYTES >> 30} are allowed; is the id the second column of the result?"
        )
    return {
        "num_timesteps": len(overlaps),
        "num_gt_dets": sum(map(len, true_rows)),
        "num_tracker_dets": sum(map(len, found_rows)),
        "num_gt_ids": true_count,
        "num_tracker_ids": found_count,
        "gt_ids": true_rows,
        "tracker_ids": found_rows,
        "similarity_scores": list(overlaps),
    }


def check_pairs(true_counts: IntArray, found_counts: IntArray) -> None:
    """Refuse overlaps that do not fit into memory, before they are computed.

    Args:
        true_counts: (F,) true boxes in each frame.
        found_counts: (F,) found boxes in each frame.

    Raises:
        InputError: the pairs of boxes of all frames need more than 8 GiB.
    """
    pairs = true_counts.astype(np.float64) * found_counts
    # Computing the IoU of a frame takes several times the memory of the result.
    needed = 8 * pairs.sum() + 64 * pairs.max(initial=0)
    if needed > _MOST_BYTES:
        raise InputError(
            f"up to {true_counts.max()} true and {found_counts.max()} found boxes in a frame, in "
            f"{len(pairs)} frames, need {needed / 2**30:.0f} GiB to be compared, at most "
            f"{_MOST_BYTES >> 30} are allowed; split the sequence"
        )


def _from_zero(ids: Sequence[IntArray]) -> tuple[list[IntArray], int]:
    """Renumber the ids of all frames from 0; return them and their number."""
    known, inverse = np.unique(np.concatenate([np.empty(0, np.int64), *ids]), return_inverse=True)
    ends = np.cumsum([len(part) for part in ids])[:-1]
    return np.split(inverse, ends) if ids else [], len(known)
