"""AP50 of detections, by COCO's own code."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import numpy.typing as npt
from pycocotools.coco import COCO  # type: ignore[import-untyped]
from pycocotools.cocoeval import COCOeval  # type: ignore[import-untyped]

from reid_tracker.evaluate import FrameBoxes
from reid_tracker.geometry import areas, xyxy_to_tlwh


def average_precision(found: FrameBoxes, truth: FrameBoxes, min_iou: float = 0.5) -> float:
    """Return the average precision in [0, 1] as COCO defines it, with no limit on detections."""
    if not len(truth) or not len(found):
        return 0.0
    frames = np.unique(np.concatenate([found.frames, truth.frames]))
    with contextlib.redirect_stdout(io.StringIO()):  # it prints its progress
        job = COCOeval(_to_coco(truth, frames), _to_coco(found, frames), "bbox")
        job.params.iouThrs = np.array([min_iou])
        job.params.areaRng, job.params.areaRngLbl = [[0, 1e10]], ["all"]
        job.params.maxDets = [int(np.bincount(found.frames).max())]
        job.evaluate()
        job.accumulate()
    return float(np.mean(job.eval["precision"]))


def _to_coco(boxes: FrameBoxes, frames: npt.NDArray[np.int64]) -> COCO:
    columns = (boxes.frames, xyxy_to_tlwh(boxes.boxes), boxes.scores, areas(boxes.boxes))
    rows = enumerate(zip(*(column.tolist() for column in columns), strict=True), start=1)
    coco = COCO()
    coco.dataset = {
        "images": [{"id": frame} for frame in frames.tolist()],
        "categories": [{"id": 1, "name": "person"}],
        "annotations": [
            {
                "id": number,
                "image_id": frame,
                "category_id": 1,
                "bbox": box,
                "score": score,
                "area": area,
                "iscrowd": 0,
            }
            for number, (frame, box, score, area) in rows
        ],
    }
    coco.createIndex()
    return coco
