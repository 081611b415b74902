"""What a tracker reports: which tracks, and where."""

from __future__ import annotations

import numpy as np

from reid_tracker.arrays import FloatArray
from reid_tracker.config import DeepSortConfig
from reid_tracker.geometry import cxcyah_to_xyxy
from reid_tracker.track.occlusion import hidden_part
from reid_tracker.track.table import TrackTable
from reid_tracker.types import Tracks

_TIME_SLACK_S = 1e-6  # tolerates rounding errors of summed times
_HIDDEN = 0.5  # a box of which others hide at least this part need not be detected


def reported(tracks: TrackTable, now_s: float, config: DeepSortConfig) -> Tracks:
    """Return the confirmed tracks that are matched in this frame, coast or are hidden.

    An unseen track is reported at its predicted box for `coast_s`, and for `hidden_s` while a
    person in front explains why it is not seen. A matched track is reported between the filter's
    box, which is steadier, and the detector's, which is more up to date: `matched_weight`.
    """
    boxes = _boxes(tracks, config.matched_weight)
    unseen_s = now_s - tracks.seen_s
    seen = tracks.missed == 0
    shown = seen | (unseen_s <= config.coast_s + _TIME_SLACK_S)
    if config.hidden_s > config.coast_s:
        lost = tracks.confirmed & ~shown & (unseen_s <= config.hidden_s + _TIME_SLACK_S)
        shown[lost] = hidden_part(boxes[lost], boxes[tracks.confirmed & seen]) >= _HIDDEN
    shown &= tracks.confirmed
    return Tracks(
        ids=tracks.ids[shown],
        boxes=boxes[shown].astype(np.float32),
        scores=tracks.scores[shown],
        classes=tracks.classes[shown],
        ages_s=now_s - tracks.born_s[shown],
        observed=seen[shown],
        detection_index=tracks.detection_index[shown],
    )


def _boxes(tracks: TrackTable, matched_weight: float) -> FloatArray:
    """Return the (T, 4) xyxy boxes to report."""
    state = tracks.mean[..., 0].copy()
    # The extrapolated size of a shrinking box may fall below zero.
    state[:, 2:] = np.maximum(state[:, 2:], 0)
    boxes = cxcyah_to_xyxy(state)
    if matched_weight:
        seen = tracks.missed == 0
        boxes[seen] += matched_weight * (tracks.measured[seen] - boxes[seen])
    return boxes
