"""How good detections are: greedy matching with ground truth, precision, recall and F1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reid_tracker.geometry import iou_matrix

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class FrameBoxes:
    """Boxes of a sequence, of the ground truth or of a detector.

    Attributes:
        frames: (N,) int64 frame numbers.
        boxes: (N, 4) float64 xyxy pixels.
        scores: (N,) float64 confidences; 1 for ground truth.
    """

    frames: npt.NDArray[np.int64]
    boxes: Floats
    scores: Floats

    def __len__(self) -> int:
        return len(self.frames)


def match_detections(
    found: FrameBoxes, truth: FrameBoxes, least_iou: float = 0.5
) -> npt.NDArray[np.bool_]:
    """Tell which detections are hits.

    As in COCO's evaluation: within a frame, in order of falling confidence, a detection takes the
    free ground truth box that it overlaps most, if their IoU is at least `least_iou`. What a
    detection takes depends on more confident ones alone, so the hits at any confidence are those of
    the detections above it: one matching serves all thresholds.

    Args:
        found: N detections.
        truth: M ground truth boxes.
        least_iou: least overlap of a hit.

    Returns:
        (N,) bool.
    """
    hits = np.zeros(len(found), np.bool_)
    if not len(found) or not len(truth):
        return hits
    order = np.lexsort((-found.scores, found.frames))
    frames, row_of = np.unique(found.frames, return_inverse=True)
    first = np.searchsorted(found.frames[order], frames)
    rank = np.arange(len(found)) - first[row_of[order]]
    truth_of = [np.flatnonzero(truth.frames == frame) for frame in frames]
    shape = (len(frames), int(rank.max()) + 1, max(1, *map(len, truth_of)))
    overlap = np.zeros(shape)  # frame, rank of the detection, ground truth; 0 where there is none
    ends = [*first[1:].tolist(), len(found)]
    for row, (start, end, mine) in enumerate(zip(first.tolist(), ends, truth_of, strict=True)):
        part = iou_matrix(found.boxes[order[start:end]], truth.boxes[mine])
        overlap[row, : end - start, : len(mine)] = part
    free = np.ones((shape[0], shape[2]))
    hit = np.zeros(shape[:2], np.bool_)
    rows = np.arange(shape[0])
    for place in range(shape[1]):  # all frames at once, one detection of each
        usable = overlap[:, place] * free
        best = usable.argmax(1)
        hit[:, place] = usable[rows, best] >= least_iou
        free[rows, best] *= ~hit[:, place]
    hits[order] = hit[row_of[order], rank]
    return hits


def precision_recall_f1(
    scores: Floats, hits: npt.NDArray[np.bool_], truths: int, confidences: Sequence[float]
) -> Floats:
    """Score the detections at or above each confidence.

    Args:
        scores: (N,) confidences.
        hits: (N,) as `match_detections` returns them.
        truths: number of ground truth boxes.
        confidences: C thresholds.

    Returns:
        (C, 3): precision, recall and F1 in [0, 1]; 0 where nothing is found or nothing is there.
    """
    kept = scores >= np.array(confidences, np.float64)[:, None]
    right, all_kept = (kept & hits).sum(1), kept.sum(1)
    return np.stack(
        [
            right / np.maximum(all_kept, 1),
            right / np.full(len(kept), max(truths, 1)),
            2 * right / np.maximum(all_kept + truths, 1),
        ],
        axis=1,
    )
