"""Training pictures: windows of labelled pictures at a random scale, with people pasted in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from reid_tracker.train.detector.cutouts import Cutout
from reid_tracker.train.detector.pictures import Picture
from reid_tracker.train.detector.recipe import PictureRecipe
from reid_tracker.types import Boxes, ImageBGR

_MIN_VISIBLE = 0.3
"""A person with a smaller visible part is not labelled."""
_MIN_SIDE_PX = 4
_MAX_WINDOWS = 4
_WELL_COVERED = 0.6
"""No more windows are added once they cover this part of the picture."""
_GREY = 0.2
"""Share of pictures with a grey background, like the bars of a letterbox."""
_ASPECT = 0.41
"""Width over height of a standing person."""


class Composer:
    """Makes training pictures.

    Args:
        recipe: how pictures are composed.
        pictures: labelled pictures; those without people are backgrounds as well.
        cutouts: people to paste; may be empty.
        generator: source of randomness.
    """

    def __init__(
        self,
        recipe: PictureRecipe,
        pictures: Sequence[Picture],
        cutouts: Sequence[Cutout],
        generator: np.random.Generator,
    ) -> None:
        self._recipe = recipe
        self._pictures = pictures
        self._peopled = [row for row, item in enumerate(pictures) if len(item.boxes)]
        self._empty = [row for row, item in enumerate(pictures) if not len(item.boxes)]
        self._cutouts = cutouts
        self._generator = generator

    def compose(self) -> Picture:
        """Make one picture of the recipe's side."""
        random = self._generator
        pasting = bool(self._cutouts) and random.random() < self._recipe.composed
        scene = _Scene(self._backdrop())
        peopled = bool(self._peopled) and not (pasting and random.random() < 0.6)
        rows = self._peopled if peopled else range(len(self._pictures))
        for _ in range(_MAX_WINDOWS):
            source = self._pictures[rows[int(random.integers(len(rows)))]]
            if scene.add_window(*self._window(source)) > _WELL_COVERED:
                break
        if pasting:
            self._paste_crowd(scene)
        image = self._degrade(scene.image)
        if random.random() < 0.5:
            side = image.shape[1]
            image = np.ascontiguousarray(image[:, ::-1])
            boxes = scene.people()[:, [2, 1, 0, 3]] * _float32([-1, 1, -1, 1])
            return Picture(image, boxes + _float32([side, 0, side, 0]))
        return Picture(image, scene.people())

    def _height(self) -> float:
        """Draw a person's height in pixels, uniform in its logarithm."""
        low, high = np.log(self._recipe.min_height_px), np.log(self._recipe.max_height_px)
        return float(np.exp(self._generator.uniform(low, high)))

    def _backdrop(self) -> ImageBGR:
        """Return the background behind the windows: a picture without people, or grey."""
        random, side = self._generator, self._recipe.side_px
        if not self._empty or random.random() < _GREY:
            return np.full((side, side, 3), 114, np.uint8)
        image = self._pictures[self._empty[int(random.integers(len(self._empty)))]].image
        scale = side / min(image.shape[:2]) * random.uniform(1.0, 1.5)
        size = [max(side, round(length * scale)) for length in image.shape[1::-1]]
        left, top = (int(random.integers(length - side + 1)) for length in size)
        whole = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        return np.ascontiguousarray(whole[top : top + side, left : left + side], np.uint8)

    def _window(self, source: Picture) -> tuple[Picture, tuple[int, int]]:
        """Scale a picture so that one of its people gets a random height, and choose its position.

        Returns:
            The scaled picture, and the position (left, top) of its upper left corner in the square,
            negative if the picture extends beyond it.
        """
        random, side = self._generator, self._recipe.side_px
        height, width = source.image.shape[:2]
        if len(source.boxes):
            left, top, right, bottom = source.boxes[random.integers(len(source.boxes))]
            # Enlarging more than twice makes people blurred.
            scale = min(2.0, self._height() / max(8.0, bottom - top))
            centre = _float32([(left + right) / 2, (top + bottom) / 2])
            centre += random.uniform(-0.4, 0.4, 2).astype(np.float32) * side / scale
        else:
            scale = float(random.uniform(0.5, 1.2)) * side / min(height, width)
            centre = random.random(2).astype(np.float32) * _float32([width, height])
        size = max(1, round(width * scale)), max(1, round(height * scale))
        shift = np.rint(side / 2 - centre * scale).astype(int)
        # If the picture is large enough, the window stays inside it.
        for axis, length in enumerate(size):
            if length >= side:
                shift[axis] = np.clip(shift[axis], side - length, 0)
            else:
                shift[axis] = round((side - length) * random.random())
        # INTER_AREA is bilinear when it enlarges.
        scaled = cv2.resize(source.image, size, interpolation=cv2.INTER_AREA)
        boxes = source.boxes * np.float32(scale)
        return Picture(np.asarray(scaled, np.uint8), boxes), (int(shift[0]), int(shift[1]))

    def _paste_crowd(self, scene: _Scene) -> None:
        """Paste people whose height grows towards the bottom, as seen by a camera above them."""
        random, side = self._generator, self._recipe.side_px
        low = self._height()
        slope = random.uniform(0.0, 0.5) * low / side
        people = int(random.integers(0, self._recipe.most_pasted + 1))
        things = int(random.poisson(self._recipe.distractors))
        feet = np.sort(random.uniform(0.15 * side, 1.15 * side, people + things))
        is_person = random.permutation(np.arange(people + things) < people)
        neighbour = None
        for foot, person in zip(feet.tolist(), is_person.tolist(), strict=True):
            height = float(max(10.0, low + slope * (foot - side / 2)) * random.uniform(0.9, 1.1))
            column = random.uniform(-0.05, 1.05) * side
            if neighbour is not None and random.random() < 0.35:  # people walk in groups
                column = neighbour + random.uniform(0.3, 1.2) * _ASPECT * height
            cutout = self._cutouts[int(random.integers(len(self._cutouts)))]
            if random.random() < 0.5:
                cutout = Cutout(
                    np.ascontiguousarray(cutout.image[:, ::-1]),
                    np.ascontiguousarray(cutout.alpha[:, ::-1]),
                )
            if not person:
                cutout = self._distractor(cutout)
            scene.paste(self._relit(cutout), column, foot, height, person=person)
            neighbour = column

    def _distractor(self, cutout: Cutout) -> Cutout:
        """Fill a person's outline, a rectangle or an ellipse with a part of another picture."""
        random = self._generator
        height, width = cutout.alpha.shape
        source = self._pictures[int(random.integers(len(self._pictures)))]
        image = source.image
        for _ in range(10):  # a part without people; if none is found, grey
            scale = random.uniform(0.1, 0.5)
            tall = min(image.shape[0], max(8, round(image.shape[0] * scale)))
            wide = min(image.shape[1], max(4, round(tall * random.uniform(0.3, 1.5))))
            top = int(random.integers(image.shape[0] - tall + 1))
            left = int(random.integers(image.shape[1] - wide + 1))
            window = _float32([left, top, left + wide, top + tall])
            if not _touches(window, source.boxes):
                break
        else:
            return Cutout(np.full_like(cutout.image, 128), cutout.alpha)
        part = image[top : top + tall, left : left + wide]
        alpha = cutout.alpha
        kind = random.random()
        if kind < 0.35:
            alpha = np.ones_like(alpha)
        elif kind < 0.6:
            y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
            alpha = ((x * x + y * y) < 1).astype(np.float32)
        filled = cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA)
        return Cutout(np.asarray(filled, np.uint8), alpha)

    def _relit(self, cutout: Cutout) -> Cutout:
        """Change brightness and contrast, as another light or camera would."""
        gain, lift = self._generator.uniform(0.6, 1.3), self._generator.uniform(-25, 25)
        image = np.clip(cutout.image.astype(np.float32) * gain + lift, 0, 255)
        return Cutout(image.astype(np.uint8), cutout.alpha)

    def _degrade(self, image: ImageBGR) -> ImageBGR:
        """Blur, compress or desaturate some pictures, as cheap cameras do."""
        random = self._generator
        if random.random() < 0.25:
            side, scale = image.shape[0], random.uniform(0.4, 0.9)
            small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            image = np.asarray(cv2.resize(small, (side, side)), np.uint8)
        if random.random() < 0.2:
            noisy = image + random.normal(0, random.uniform(2, 10), image.shape)
            image = np.clip(noisy, 0, 255).astype(np.uint8)
        if random.random() < 0.4:
            quality = [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(25, 80))]
            image = np.asarray(
                cv2.imdecode(cv2.imencode(".jpg", image, quality)[1], cv2.IMREAD_COLOR), np.uint8
            )
        if random.random() < 0.08:
            grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
            image = np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), np.uint8)
        return image


class _Scene:
    """A picture being composed; it tracks the visible part of each person."""

    def __init__(self, backdrop: ImageBGR) -> None:
        self.image = backdrop
        self._covered = np.zeros(backdrop.shape[:2], bool)
        self._boxes: list[npt.NDArray[np.float32]] = []
        self._areas: list[float] = []
        self._seen: list[npt.NDArray[np.bool_]] = []

    def add_window(self, picture: Picture, corner: tuple[int, int]) -> float:
        """Paste a picture over the scene, its upper left corner at (left, top).

        Returns:
            The part of the scene that windows cover now.
        """
        (height, width), (left, top) = picture.image.shape[:2], corner
        side = len(self.image)
        outer = np.s_[max(0, top) : min(side, top + height), max(0, left) : min(side, left + width)]
        self.image[outer] = picture.image[
            max(0, -top) : min(height, side - top), max(0, -left) : min(width, side - left)
        ]
        self._covered[outer] = True
        self._hide(outer, True)
        for box in picture.boxes + np.tile(_float32(corner), 2):
            mask = np.zeros((side, side), bool)
            x1, y1, x2, y2 = np.clip(np.rint(box), 0, side).astype(int)
            mask[y1:y2, x1:x2] = True
            self._add(box, mask, float(np.prod(box[2:] - box[:2])))
        return float(self._covered.mean())

    def _hide(self, place: tuple[slice, slice], covered: npt.NDArray[np.bool_] | bool) -> None:
        """Record that a new layer covers an area, wholly or where the mask is true."""
        for seen in self._seen:
            seen[place] &= np.logical_not(covered)

    def _add(self, box: npt.NDArray[np.float32], mask: npt.NDArray[np.bool_], area: float) -> None:
        self._boxes.append(box)
        self._seen.append(mask)
        self._areas.append(area)

    def paste(
        self, cutout: Cutout, column: float, foot: float, height: float, *, person: bool
    ) -> None:
        """Paste a cut-out with its feet at (column, foot), `height` pixels tall."""
        side = self.image.shape[0]
        scale = height / cutout.alpha.shape[0]
        wide, tall = max(2, round(cutout.alpha.shape[1] * scale)), max(4, round(height))
        image = cv2.resize(cutout.image, (wide, tall), interpolation=cv2.INTER_AREA)
        alpha = cv2.resize(cutout.alpha, (wide, tall), interpolation=cv2.INTER_AREA)
        left, top = round(column - wide / 2), round(foot - tall)
        inner = np.s_[max(0, -top) : min(tall, side - top), max(0, -left) : min(wide, side - left)]
        if left >= side or top >= side or left + wide <= 0 or top + tall <= 0:
            return  # outside the picture
        alpha = alpha[inner]
        outer = np.s_[max(0, top) : min(side, top + tall), max(0, left) : min(side, left + wide)]
        below = self.image[outer].astype(np.float32)
        blended = below + alpha[..., None] * (image[inner].astype(np.float32) - below)
        self.image[outer] = np.rint(blended).astype(np.uint8)
        self._hide(outer, alpha > 0.5)
        if person:
            mask = np.zeros((side, side), bool)
            mask[outer] = alpha > 0.5
            whole = float((cutout.alpha > 0.5).sum()) * scale * scale
            self._add(_float32([left, top, left + wide, top + tall]), mask, whole)

    def people(self) -> Boxes:
        """Return (N, 4) float32 xyxy: sufficiently visible people, clipped to the picture."""
        side = self.image.shape[0]
        kept = [
            np.clip(box, 0, side)
            for box, seen, area in zip(self._boxes, self._seen, self._areas, strict=True)
            if seen.sum() >= _MIN_VISIBLE * area
        ]
        boxes = np.array(kept, np.float32).reshape(-1, 4)
        return boxes[((boxes[:, 2:] - boxes[:, :2]) >= _MIN_SIDE_PX).all(1)]


def _touches(window: npt.NDArray[np.float32], boxes: Boxes) -> bool:
    return bool(((boxes[:, :2] < window[2:]) & (boxes[:, 2:] > window[:2])).all(1).any())


def _float32(values: Sequence[Any]) -> npt.NDArray[np.float32]:
    return np.array(values, np.float32)
