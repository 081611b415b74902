"""Scores of detections: greedy matching with ground truth, precision, recall and F1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reid_tracker.arrays import BoolArray, FloatArray, IntArray
from reid_tracker.geometry import iou_matrix


@dataclass(frozen=True)
class FrameBoxes:
    """Boxes of a sequence, from ground truth or a detector.

    Attributes:
        frames: (N,) int64 frame numbers.
        boxes: (N, 4) float64 xyxy pixels.
        scores: (N,) float64 confidences; 1 for ground truth.
    """

    frames: IntArray
    boxes: FloatArray
    scores: FloatArray

    def __len__(self) -> int:
        return len(self.frames)


def match_detections(found: FrameBoxes, truth: FrameBoxes, min_iou: float = 0.5) -> BoolArray:
    """Decide which detections are true positives.

    As in the COCO evaluation: within a frame, by descending confidence, each detection takes the
    free ground truth box with the highest IoU, if it is at least `min_iou`. A match depends only on
    detections with a higher confidence, so one matching serves all confidence thresholds.

    Args:
        found: N detections.
        truth: M ground truth boxes.
        min_iou: minimum IoU of a true positive.

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
    overlap = np.zeros(shape)  # (frame, rank of the detection, ground truth), padded with 0
    ends = [*first[1:].tolist(), len(found)]
    for row, (start, end, mine) in enumerate(zip(first.tolist(), ends, truth_of, strict=True)):
        part = iou_matrix(found.boxes[order[start:end]], truth.boxes[mine])
        overlap[row, : end - start, : len(mine)] = part
    free = np.ones((shape[0], shape[2]))
    hit = np.zeros(shape[:2], np.bool_)
    rows = np.arange(shape[0])
    for place in range(shape[1]):  # one detection of every frame at a time
        usable = overlap[:, place] * free
        best = usable.argmax(1)
        hit[:, place] = usable[rows, best] >= min_iou
        free[rows, best] *= ~hit[:, place]
    hits[order] = hit[row_of[order], rank]
    return hits


def precision_recall_f1(
    scores: FloatArray, hits: BoolArray, truths: int, confidences: Sequence[float]
) -> FloatArray:
    """Score the detections with at least each confidence.

    Args:
        scores: (N,) confidences.
        hits: (N,) from `match_detections`.
        truths: number of ground truth boxes.
        confidences: C thresholds.

    Returns:
        (C, 3) precision, recall and F1 in [0, 1]; 0 without detections or ground truth.
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
