"""People as bright blocks on dark pictures, a detector that finds them, and tiny recipes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from reid_tracker.config.checked import from_mapping
from reid_tracker.train.detector import DetectorRecipe
from reid_tracker.train.detector.cutouts import Cutout
from reid_tracker.train.detector.pictures import Picture
from reid_tracker.types import Boxes, Detections, ImageBGR
from tests.train.samples import write_image

DARK, BRIGHT = 30, 255
Corners = tuple[int, int, int, int]

# Two strides and 20 000 weights: an epoch of a few pictures takes a fraction of a second.
TINY_MODEL = """nc: 80
backbone:
  - [-1, 1, Conv, [8, 3, 2]]
  - [-1, 1, Conv, [16, 3, 2]]
  - [-1, 1, Conv, [16, 3, 2]]
  - [-1, 1, Conv, [32, 3, 2]]
head:
  - [[2, 3], 1, Detect, [nc]]
"""


def blocks(height: int, width: int, people: Sequence[Corners]) -> Picture:
    """A dark picture with a bright block for each person, (left, top, right, bottom)."""
    image = np.full((height, width, 3), DARK, np.uint8)
    for left, top, right, bottom in people:
        image[top:bottom, left:right] = BRIGHT
    return Picture(image, np.array(people, np.float32).reshape(-1, 4))


def block_cutout(height: int = 60, width: int = 25) -> Cutout:
    return Cutout(np.full((height, width, 3), BRIGHT, np.uint8), np.ones((height, width), "f4"))


def bright(image: ImageBGR) -> npt.NDArray[np.bool_]:
    mask: npt.NDArray[np.bool_] = image.mean(axis=2) > 128
    return mask


def write_yolo_folder(root: Path, pictures: Sequence[Picture], end: str = "png") -> Path:
    for number, picture in enumerate(pictures):
        write_image(root / "images" / f"{number:03d}.{end}", picture.image)
        height, width = picture.image.shape[:2]
        x1, y1, x2, y2 = (picture.boxes / np.array([width, height] * 2)).T
        rows = np.stack([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1], 1)
        labels = root / "labels" / f"{number:03d}.txt"
        labels.parent.mkdir(parents=True, exist_ok=True)
        labels.write_text("".join(f"0 {' '.join(map(str, row))}\n" for row in rows.tolist()))
    return root


def some_pictures(count: int, side: int = 64) -> list[Picture]:
    """Pictures with one person each, in different places; every fourth is empty."""
    places = np.random.default_rng(0).integers(0, side - 30, (count, 2)).tolist()
    return [
        blocks(side, side, [] if number % 4 == 0 else [(left, top, left + 12, top + 30)])
        for number, (left, top) in enumerate(places)
    ]


def tiny_recipe(
    folder: Path, pictures: dict[str, Any] | None = None, **more: Any
) -> DetectorRecipe:
    """A recipe over folder/yolo, with a tiny network; both are made if need be."""
    model = folder / "tiny.yaml"
    model.write_text(TINY_MODEL)
    if not (folder / "yolo").is_dir():
        write_yolo_folder(folder / "yolo", some_pictures(8))
    sources = {
        "box_folders": [str(folder / "yolo")],
        "training": 8,
        "validation": 4,
        "side_px": 64,
        "min_height_px": 20,
        "max_height_px": 60,
    }
    options = {"architecture": str(model), "epochs": 2, "image_size": 64, "batch_size": 4, **more}
    return from_mapping(DetectorRecipe, {**options, "pictures": {**sources, **(pictures or {})}})


class BlockDetector:
    """A `Detector` that finds bright blocks, but none lower than a part of what it is shown."""

    def __init__(self, least_part: float = 0.0) -> None:
        self._least_part = least_part
        self.shown: list[tuple[int, int]] = []

    def detect(self, image: ImageBGR, frame_index: int | None = None) -> Detections:
        height, width = image.shape[:2]
        self.shown.append((height, width))
        stats = cv2.connectedComponentsWithStats(bright(image).astype(np.uint8))[2][1:]
        stats = stats[stats[:, cv2.CC_STAT_HEIGHT] >= max(1, self._least_part * height)]
        left_top, size = stats[:, :2], stats[:, 2:4]
        boxes: Boxes = np.concatenate([left_top, left_top + size], 1).astype(np.float32)
        return Detections(boxes, np.full(len(boxes), 0.9, "f4"), np.zeros(len(boxes), np.int64))

    def detect_batch(
        self, images: Sequence[ImageBGR], frame_indices: Sequence[int] | None = None
    ) -> list[Detections]:
        return [self.detect(image) for image in images]
