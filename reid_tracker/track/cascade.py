"""The matching cascade: tracks seen more recently choose first (arXiv 1703.07402, listing 1).

A long occlusion widens a track's motion uncertainty, so its Mahalanobis distance to any detection
shrinks; without the cascade a lost track would outbid the one that is in view.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from reid_tracker.track.assignment import IntArray, assign

PairCost = Callable[[IntArray, IntArray], npt.NDArray[np.floating]]
"""Costs of given rows against given columns, (R, C); +inf where the pair is not allowed."""


def match_cascade(
    ages: IntArray, allowed: npt.NDArray[np.bool_], pair_cost: PairCost, max_cost: float
) -> tuple[IntArray, IntArray]:
    """Match tracks to detections, one age after the other.

    Args:
        ages: (T,) frames since each track was last seen.
        allowed: (T, N) pairs that the motion gate lets through.
        pair_cost: costs among the tracks of one age and the detections still free.
        max_cost: pairs costing more are not matched.

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
