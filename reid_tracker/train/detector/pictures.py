"""Pictures with the boxes of their people: labelled by hand, or by a teacher detector."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from reid_tracker.detect import Detector, build_detector
from reid_tracker.errors import InputError
from reid_tracker.geometry import iou_matrix
from reid_tracker.train.detector.recipe import PictureRecipe
from reid_tracker.types import Boxes, ImageBGR
from reid_tracker.video import open_source
from reid_tracker.video.images import read_picture

_PERSON = 0
_SUFFIXES = (".jpg", ".jpeg", ".png")
_TILE = 0.6
"""Side of the tiles for finding small people, as a part of the picture's side."""
_SAME_PERSON_IOU = 0.5
_INSIDE = 0.7
"""A box of which this part lies inside another box counts as part of the same person."""


@dataclass(frozen=True)
class Picture:
    """A picture with labelled people.

    Attributes:
        image: (H, W, 3) uint8 BGR.
        boxes: (N, 4) float32 xyxy pixels.
    """

    image: ImageBGR
    boxes: Boxes


def collect_pictures(recipe: PictureRecipe) -> list[Picture]:
    """Gather the pictures that a recipe names, in a fixed order.

    Raises:
        ReidTrackerError: a folder, a clip or the teacher cannot be used.
    """
    teacher = (
        build_detector(recipe.teacher, conf=recipe.teacher_confidence) if recipe.teacher else None
    )
    found: list[Picture] = []
    for folder in recipe.box_folders:
        for picture in read_yolo_pictures(Path(folder)):
            # The teacher only adds people to pictures with labelled people: on pictures that a
            # human labelled as empty, its detections are mostly mistakes.
            complete = teacher is not None and len(picture.boxes) > 0
            found.append(_completed(picture, teacher) if complete and teacher else picture)
    if recipe.videos:
        if teacher is None:
            raise InputError("pictures.videos needs pictures.teacher, a detector that labels them")
        for video in recipe.videos:
            with open_source(video, stride=recipe.frame_step) as source:
                found += [
                    Picture(frame.image, find_people(teacher, frame.image)) for frame in source
                ]
    if not found:
        raise InputError(
            "the recipe names no pictures; set pictures.box_folders or pictures.videos"
        )
    return found


def read_yolo_pictures(folder: Path, part: str = "") -> Iterator[Picture]:
    """Yield all pictures of a data set in YOLO form, including those without people.

    Args:
        folder: holds images/ and labels/ with matching files; label lines are class, centre x,
            centre y, width and height, as parts of the picture.
        part: subfolder of images/ and labels/ to read, such as "train" or "val".

    Raises:
        InputError: the folder holds no labelled picture, or a file is damaged.
    """
    check_folder(folder)
    files = sorted((folder / "labels" / part).rglob("*.txt"))
    if not files:
        raise InputError(f"{folder}: no label file below labels/; expected a data set in YOLO form")
    found = False
    for labels in files:
        place = folder / "images" / labels.relative_to(folder / "labels")
        image_file = next(
            (path for end in _SUFFIXES if (path := place.with_suffix(end)).is_file()), None
        )
        if image_file is None:
            continue
        found = True
        image = read_picture(image_file)
        rows = _read_labels(labels)
        people = rows[rows[:, 0] == _PERSON, 1:]
        centres, sides = people[:, :2], people[:, 2:]
        scale = np.tile(np.array(image.shape[1::-1], np.float32), 2)
        yield Picture(image, np.concatenate([centres - sides / 2, centres + sides / 2], 1) * scale)
    if not found:
        raise InputError(f"{folder}: no picture below images/ for any label file below labels/")


def check_folder(folder: Path) -> None:
    """Check that a data set exists before hours are spent on the others.

    Raises:
        InputError: the folder does not exist.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; get the data set, or change the recipe")


def _read_labels(file: Path) -> npt.NDArray[np.float32]:
    """Return (N, 5) float32: class, centre x and y, width and height."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
        rows = np.array([line.split() for line in lines if line.strip()], np.float32)
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror}") from None
    except ValueError:  # not numbers, not text, or lines of different lengths
        rows = np.full((1, 1), np.nan, np.float32)
    if not len(rows):
        return np.empty((0, 5), np.float32)
    if rows.shape[1] != 5 or not np.isfinite(rows).all():
        raise InputError(
            f"{file}: expected lines of five numbers: class, centre x and y, width, height"
        )
    return rows


def find_people(detector: Detector, image: ImageBGR) -> Boxes:
    """Detect people in the whole picture and, for small people, in four overlapping tiles.

    Boxes that touch an inner border of a tile are dropped, since they may be cut off.

    Returns:
        (N, 4) float32 xyxy pixels.
    """
    height, width = image.shape[:2]
    whole = detector.detect(image)
    boxes, scores = [whole.boxes], [whole.scores]
    tile_height, tile_width = round(height * _TILE), round(width * _TILE)
    for top in (0, height - tile_height):
        for left in (0, width - tile_width):
            tile = np.ascontiguousarray(image[top : top + tile_height, left : left + tile_width])
            part = detector.detect(tile)
            inner = np.array([left > 0, top > 0, left == 0, top == 0])
            edge = np.array([2, 2, tile_width - 2, tile_height - 2], np.float32)
            beyond = np.concatenate([part.boxes[:, :2] < edge[:2], part.boxes[:, 2:] > edge[2:]], 1)
            keep = ~(beyond & inner).any(1)
            boxes.append(part.boxes[keep] + np.tile(np.array([left, top], np.float32), 2))
            scores.append(part.scores[keep])
    return _suppress(np.concatenate(boxes), np.concatenate(scores))


def _suppress(boxes: Boxes, scores: npt.NDArray[np.float32]) -> Boxes:
    """Non-maximum suppression that also drops parts of a person found in a tile."""
    kept: list[int] = []
    overlap = iou_matrix(boxes, boxes)
    inside = _covered(boxes, boxes)
    for row in np.argsort(-scores, kind="stable").tolist():
        if all(overlap[row, other] < _SAME_PERSON_IOU for other in kept) and all(
            inside[row, other] < _INSIDE or overlap[row, other] < 0.1 for other in kept
        ):
            kept.append(row)
    return boxes[sorted(kept)]


def _covered(boxes: Boxes, others: Boxes) -> npt.NDArray[np.float32]:
    """Return (N, M): the part of each box that lies in each of the others."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    common = np.prod(np.clip(high - low, 0, None), axis=2)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    part: npt.NDArray[np.float32] = common / np.maximum(areas, 1e-6)[:, None]
    return part


def _completed(picture: Picture, teacher: Detector) -> Picture:
    """Add people that the labels miss."""
    more = find_people(teacher, picture.image)
    new = (iou_matrix(more, picture.boxes) < 0.4).all(1) & (
        _covered(more, picture.boxes) < _INSIDE
    ).all(1)
    return Picture(picture.image, np.concatenate([picture.boxes, more[new]]))
