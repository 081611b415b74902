"""Tracking scored over all cameras at once: IDF1, IDP, IDR and HOTA with global identities.

As in the AI City Challenge and NVIDIA Metropolis, the frames of all cameras are strung together to
one sequence in which an identity keeps its number from camera to camera; an identity that changes
from one camera to the next then costs as much as one that changes within a camera. The counting is
done by trackeval's metric classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from reid_tracker.errors import InputError, MissingDependencyError
from reid_tracker.geometry import iou_matrix

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class IdentityBoxes:
    """Boxes of one camera with identities that hold over all cameras.

    Attributes:
        frames: (N,) int64 number of the frame.
        ids: (N,) int64 identity; at most once a frame.
        boxes: (N, 4) float64 xyxy, pixels.

    Raises:
        InputError: lengths disagree, or an identity stands twice in a frame.
    """

    frames: IntArray
    ids: IntArray
    boxes: FloatArray

    def __post_init__(self) -> None:
        frames = np.asarray(self.frames, np.int64).reshape(-1)
        ids = np.asarray(self.ids, np.int64).reshape(-1)
        boxes = np.asarray(self.boxes, np.float64).reshape(-1, 4)
        if not len(frames) == len(ids) == len(boxes):
            raise InputError(
                f"{len(frames)} frames, {len(ids)} ids and {len(boxes)} boxes: expected as many of "
                "each"
            )
        both, counts = np.unique(np.stack([frames, ids]), axis=1, return_counts=True)
        if (counts > 1).any():
            frame, identity = both[:, counts > 1][:, 0].tolist()
            raise InputError(
                f"identity {identity} stands twice in frame {frame}: expected at most once a camera"
            )
        for name, column in (("frames", frames), ("ids", ids), ("boxes", boxes)):
            object.__setattr__(self, name, column)

    def __getitem__(self, rows: Any) -> IdentityBoxes:
        """Select rows by mask, index array or slice."""
        return IdentityBoxes(self.frames[rows], self.ids[rows], self.boxes[rows])


@dataclass(frozen=True, eq=False)
class CameraResult:
    """Truth and result of one camera.

    Attributes:
        truth: what is there.
        result: what was found.
        matched_only: for a truth that does not know everybody, or not the right box sizes: only
            boxes that lie on a true box count, and only true boxes on which one lies. This camera
            then scores identities, not detection.
        matched_iou: least overlap of such a pair.
    """

    truth: IdentityBoxes
    result: IdentityBoxes
    matched_only: bool = False
    matched_iou: float = 0.5


@dataclass(frozen=True)
class MultiCameraScores:
    """Scores over all cameras, parts of 1.

    Attributes:
        idf1: identity F1: 2 IDTP / (true boxes + found boxes) under the best one-to-one mapping of
            global identities (Ristani et al., arXiv 1609.01775).
        idp: identity precision.
        idr: identity recall.
        hota: higher order tracking accuracy (Luiten et al., arXiv 2009.07736), mean over overlaps.
        det_a: its detection part.
        ass_a: its association part.
        true_boxes: boxes of the truth that count.
        found_boxes: boxes of the result that count.
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
        cameras: truth and result of each; identities mean the same person in all of them.

    Raises:
        MissingDependencyError: trackeval is not installed.
    """
    identity_metric, hota_metric = _metrics()
    data = _strung_together(cameras)
    identity = identity_metric.eval_sequence(data)
    hota = hota_metric.eval_sequence(data)
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


def match_boxes(
    truth: FloatArray, result: FloatArray, least_iou: float
) -> tuple[IntArray, IntArray]:
    """Pair the boxes of one frame so that the sum of overlaps is the largest.

    Args:
        truth: (G, 4) xyxy.
        result: (R, 4) xyxy.
        least_iou: pairs that overlap less are not made.

    Returns:
        (K,) rows of the truth, rising, and the (K,) rows of the result paired with them.
    """
    iou = iou_matrix(truth, result)
    rows, columns = linear_sum_assignment(np.where(iou >= least_iou, iou, 0), maximize=True)
    kept = iou[rows, columns] >= max(least_iou, 1e-9)
    return rows[kept].astype(np.int64), columns[kept].astype(np.int64)


def _metrics() -> tuple[Any, Any]:
    try:
        from trackeval.metrics import HOTA, Identity
    except ImportError:
        raise MissingDependencyError(
            "scores over several cameras are counted by trackeval, which is not installed; get it "
            "with pip install 'reid-tracker[eval]'"
        ) from None
    return Identity({"PRINT_CONFIG": False}), HOTA()


def _strung_together(cameras: Mapping[str, CameraResult]) -> dict[str, Any]:
    """Arrange all cameras' frames one behind the other, as trackeval's metric classes want them."""
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
    true_ids, true_count = _from_zero(true_ids)
    found_ids, found_count = _from_zero(found_ids)
    return {
        "num_timesteps": len(overlaps),
        "num_gt_dets": sum(map(len, true_ids)),
        "num_tracker_dets": sum(map(len, found_ids)),
        "num_gt_ids": true_count,
        "num_tracker_ids": found_count,
        "gt_ids": true_ids,
        "tracker_ids": found_ids,
        "similarity_scores": overlaps,
    }


def _from_zero(ids: list[IntArray]) -> tuple[list[IntArray], int]:
    """Number the identities of all frames from 0; returns them and how many there are."""
    known, inverse = np.unique(np.concatenate([np.empty(0, np.int64), *ids]), return_inverse=True)
    ends = np.cumsum([len(part) for part in ids])[:-1]
    return np.split(inverse, ends) if ids else [], len(known)
