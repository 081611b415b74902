"""The matching cascade: recently seen tracks choose first (arXiv 1703.07402, listing 1).

During an occlusion the motion uncertainty of a track grows, so its Mahalanobis distance to every
detection shrinks. Without the cascade a lost track would win against a track in view.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from reid_tracker.arrays import BoolArray, IntArray
from reid_tracker.track.assignment import assign

PairCost = Callable[[IntArray, IntArray], npt.NDArray[np.floating]]
"""Returns the (R, C) costs of given rows and columns; +inf where a pair is not allowed."""


def match_cascade(
    ages: IntArray, allowed: BoolArray, pair_cost: PairCost, max_cost: float
) -> tuple[IntArray, IntArray]:
    """Match tracks to detections, age by age.

    Args:
        ages: (T,) frames since each track was last seen.
        allowed: (T, N) pairs that pass the motion gate.
        pair_cost: costs between the tracks of one age and the free detections.
        max_cost: pairs with a higher cost are not matched.

    Returns:
        (K,) tracks in rising order and their (K,) detections.
    """
    matched_tracks, matched_detections = [], []
    free = np.ones(allowed.shape[1], np.bool_)
    hopeful = allowed.any(axis=1)
    for age in np.unique(ages[hopeful]):
        tracks = np.flatnonzero(hopeful & (ages == age))
        detections = np.flatnonzero(free & allowed[tracks].any(axis=0))
        if not len(detections):
            continue
        rows, columns = assign(pair_cost(tracks, detections), max_cost)
        matched_tracks.append(tracks[rows])
        matched_detections.append(detections[columns])
        free[detections[columns]] = False
    if not matched_tracks:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    track_index = np.concatenate(matched_tracks)
    order = np.argsort(track_index)
    return track_index[order], np.concatenate(matched_detections)[order]
