"""Made-up people who are seen by two cameras: upper body of one, lower body of another.

A small data set shows few people in both cameras, and a net learns those by heart. Two of them, cut
at the waist and joined in either camera, are a third whom nobody has seen, with all that differs
between the cameras; other colours for the clothes, the same in both cameras, make more of them.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from reid_tracker.train.batches.backgrounds import Outlines
from reid_tracker.train.images import Crops, CropSource
from reid_tracker.types import ImageBGR

IntArray = npt.NDArray[np.int64]

_WAIST = (0.38, 0.58)
"""Where two bodies are joined, as parts of the height."""

_BLEND_PX = 10
_UNCHANGED = 0.3
"""Part of the halves that keep their colours."""


class JoinedPeople:
    """Makes people out of the labelled ones.

    Args:
        crops: the training images.
        labels: (N,) their identities, from 0.
        cameras: (N,) who took them.
        outlines: (N, H, W) of the people, see `backgrounds`; clothes change colour inside them.

    Attributes:
        possible: whether at least two people are seen by two cameras.
    """

    def __init__(
        self, crops: CropSource, labels: IntArray, cameras: IntArray, outlines: Outlines
    ) -> None:
        self._crops = crops
        self._outlines = outlines
        self._rows: list[list[IntArray]] = []
        """Of every identity seen by several cameras: its rows by camera, those with outlines.

        Without one the clothes would keep their colours, and one person have two of them.
        """
        outlined = np.array([bool(outline.any()) for outline in outlines])
        for label in np.unique(labels).tolist():
            mine = np.flatnonzero((labels == label) & outlined)
            seen = [mine[cameras[mine] == camera] for camera in np.unique(cameras[mine])]
            if len(seen) > 1:
                self._rows.append(seen)
        self.possible = len(self._rows) > 1

    def make(
        self, people: int, images: int, size: tuple[int, int], generator: np.random.Generator
    ) -> Crops:
        """Return new people, (people * images, H, W, 3), the images of each one after the other.

        Args:
            people: how many.
            images: of each, by two cameras in turns.
            size: (height, width).
            generator: source of randomness.
        """
        made = np.empty((people, images, *size, 3), np.uint8)
        for person in range(people):
            pair = generator.choice(len(self._rows), 2, replace=False)
            halves = [
                [side[c] for c in generator.permutation(len(side))[:2]]
                for side in (self._rows[pair[0]], self._rows[pair[1]])
            ]
            seam = generator.uniform(*_WAIST) * size[0]
            weight = np.clip((np.arange(size[0]) - seam) / _BLEND_PX + 0.5, 0, 1)[:, None, None]
            colours = [self._colours(generator) for _ in halves]
            for image in range(images):
                rows = np.array([generator.choice(half[image % 2]) for half in halves])
                upper, lower = (
                    recoloured(crop, self._outline(row, size), colour)
                    for crop, row, colour in zip(
                        self._crops.take(rows, size), rows.tolist(), colours, strict=True
                    )
                )
                if generator.random() < 0.5:
                    lower = lower[:, ::-1]
                joined = (1 - weight) * upper + weight * lower
                made[person, image] = np.rint(joined).astype(np.uint8)
        return made.reshape(-1, *size, 3)

    def _outline(self, row: int, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
        outline = self._outlines[row]
        if outline.shape != size:
            return np.asarray(cv2.resize(outline, size[::-1]), np.uint8)
        return np.asarray(outline)

    @staticmethod
    def _colours(generator: np.random.Generator) -> tuple[float, float, float]:
        """Draw a turn of the hue, a factor of the saturation, a power of the brightness."""
        if generator.random() < _UNCHANGED:
            return 0.0, 1.0, 1.0
        saturation, brightness = generator.uniform(0.5, 1.8), generator.uniform(0.5, 1.8)
        return generator.uniform(0, 180), saturation, brightness


def recoloured(
    image: ImageBGR, outline: npt.NDArray[np.uint8], colours: tuple[float, float, float]
) -> ImageBGR:
    """Return a picture in which the inside of an outline has other colours.

    Args:
        image: (H, W, 3) uint8 BGR.
        outline: (H, W), 255 inside and 0 outside.
        colours: turn of the hue in [0, 180), factor of the saturation, power of the brightness.
    """
    turn, saturation, brightness = colours
    if (turn, saturation, brightness) == (0.0, 1.0, 1.0) or not outline.any():
        return image
    hsv = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_BGR2HSV).astype(np.float32)
    hsv[..., 0] = (hsv[..., 0] + turn) % 180
    hsv[..., 1] *= saturation
    hsv[..., 2] = 255 * (hsv[..., 2] / 255) ** brightness
    other = cv2.cvtColor(np.clip(hsv, 0, 255).astype(np.uint8), cv2.COLOR_HSV2BGR)
    inside = outline[..., None].astype(np.float32) / 255
    mixed: ImageBGR = np.rint(image + inside * (other.astype(np.float32) - image)).astype(np.uint8)
    return mixed
