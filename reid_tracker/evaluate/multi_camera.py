"""Tracking scores over all cameras together: IDF1, IDP, IDR and HOTA of global identities.

As in the AI City Challenge and NVIDIA Metropolis, the frames of all cameras form one sequence, in
which an identity has the same number in all cameras. An identity switch between cameras then costs
as much as one within a camera. The metric classes of trackeval compute the scores.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from reid_tracker.arrays import FloatArray, IntArray, to_array
from reid_tracker.errors import InputError
from reid_tracker.evaluate.engine import load_metrics, metric_data
from reid_tracker.geometry import iou_matrix


@dataclass(frozen=True, eq=False)
class IdentityBoxes:
    """Boxes of one camera with global identities.

    Attributes:
        frames: (N,) int64 frame numbers.
        ids: (N,) int64 identities, unique within a frame.
        boxes: (N, 4) float64 xyxy, pixels.

    Raises:
        InputError: lengths differ, or an identity occurs twice in a frame.
    """

    frames: IntArray
    ids: IntArray
    boxes: FloatArray

    def __post_init__(self) -> None:
        frames = to_array(self.frames, np.int64, "frames").reshape(-1)
        ids = to_array(self.ids, np.int64, "ids").reshape(-1)
        boxes = to_array(self.boxes, np.float64, "boxes")
        boxes = boxes.reshape(-1, 4) if boxes.size == 0 else boxes
        if not len(frames) == len(ids) == len(boxes) or boxes.shape[1:] != (4,):
            raise InputError(
                f"{len(frames)} frames, {len(ids)} ids and boxes of shape {boxes.shape}: expected "
                "(N,), (N,) and (N, 4)"
            )
        both, counts = np.unique(np.stack([frames, ids]), axis=1, return_counts=True)
        if (counts > 1).any():
            frame, identity = both[:, counts > 1][:, 0].tolist()
            raise InputError(f"identity {identity} occurs twice in frame {frame} of one camera")
        for name, column in (("frames", frames), ("ids", ids), ("boxes", boxes)):
            object.__setattr__(self, name, column)

    def __getitem__(self, rows: Any) -> IdentityBoxes:
        """Select rows by mask, index array or slice."""
        return IdentityBoxes(self.frames[rows], self.ids[rows], self.boxes[rows])


@dataclass(frozen=True, eq=False)
class CameraResult:
    """Ground truth and result of one camera.

    Attributes:
        truth: the ground truth.
        result: the tracker's output.
        matched_only: for incomplete ground truth, or inexact boxes: only pairs of
            overlapping boxes count. The scores of this camera then measure identities, not
            detection.
        matched_iou: minimum IoU of such a pair.
    """

    truth: IdentityBoxes
    result: IdentityBoxes
    matched_only: bool = False
    matched_iou: float = 0.5


@dataclass(frozen=True)
class MultiCameraScores:
    """Scores over all cameras, in [0, 1].

    Attributes:
        idf1: identity F1: 2 IDTP / (true boxes + found boxes) for the best one-to-one mapping of
            global identities (Ristani et al., arXiv 1609.01775).
        idp: identity precision.
        idr: identity recall.
        hota: higher order tracking accuracy (Luiten et al., arXiv 2009.07736), mean over IoU
            thresholds.
        det_a: detection accuracy of HOTA.
        ass_a: association accuracy of HOTA.
        true_boxes: number of scored boxes of the ground truth.
        found_boxes: number of scored boxes of the result.
    """

    idf1: float
    idp: float
    idr: float
    hota: float
    det_a: float
    ass_a: float
    true_boxes: int
    found_boxes: int


def evaluate_multi_camera(cameras: Mapping[str, CameraResult]) -> MultiCameraScores:
    """Score global identities over all cameras.

    Args:
        cameras: ground truth and result by camera name; identities are global.

    Raises:
        MissingDependencyError: trackeval is not installed.
        InputError: there are too many ids to be scored.
    """
    metrics = load_metrics()
    data = _concatenated(cameras)
    identity = metrics.identity.eval_sequence(data)
    hota = metrics.hota.eval_sequence(data)
    return MultiCameraScores(
        idf1=float(identity["IDF1"]),
        idp=float(identity["IDP"]),
        idr=float(identity["IDR"]),
        hota=float(np.mean(hota["HOTA"])),
        det_a=float(np.mean(hota["DetA"])),
        ass_a=float(np.mean(hota["AssA"])),
        true_boxes=data["num_gt_dets"],
        found_boxes=data["num_tracker_dets"],
    )


def match_boxes(truth: FloatArray, result: FloatArray, min_iou: float) -> tuple[IntArray, IntArray]:
    """Pair the boxes of one frame so that the sum of IoU is maximal.

    Args:
        truth: (G, 4) xyxy.
        result: (R, 4) xyxy.
        min_iou: minimum IoU of a pair.

    Returns:
        (K,) rows of the truth, ascending, and the (K,) paired rows of the result.
    """
    iou = iou_matrix(truth, result)
    rows, columns = linear_sum_assignment(np.where(iou >= min_iou, iou, 0), maximize=True)
    kept = iou[rows, columns] >= max(min_iou, 1e-9)
    return rows[kept].astype(np.int64), columns[kept].astype(np.int64)


def _concatenated(cameras: Mapping[str, CameraResult]) -> dict[str, Any]:
    """Concatenate the frames of all cameras in the form that trackeval's metric classes take."""
    true_ids, found_ids, overlaps = [], [], []
    for item in cameras.values():
        for frame in np.union1d(item.truth.frames, item.result.frames):
            truth = item.truth[item.truth.frames == frame]
            result = item.result[item.result.frames == frame]
            if item.matched_only:
                rows, columns = match_boxes(truth.boxes, result.boxes, item.matched_iou)
                truth, result = truth[rows], result[columns]
                overlaps.append(np.eye(len(rows)))
            else:
                overlaps.append(iou_matrix(truth.boxes, result.boxes))
            true_ids.append(truth.ids)
            found_ids.append(result.ids)
    return metric_data(true_ids, found_ids, overlaps)
