"""What a detector is, and the check of its images; numpy only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from reid_tracker.errors import InputError
from reid_tracker.types import Detections, ImageBGR


class Detector(Protocol):
    """Finds objects in frames.

    A frame index is the number of the frame in its source, from 0 (`Frame.index`). Detectors that
    look at the picture ignore it. A replay reads its file at that frame; without an index it takes
    the frame after the last one it gave, so that plain calls in order work too.
    """

    def detect(self, image: ImageBGR, frame_index: int | None = None) -> Detections:
        """Detect in one frame.

        Args:
            image: (H, W, 3) uint8 BGR.
            frame_index: number of the frame in its source, from 0.

        Returns:
            The detections, boxes in pixels of the frame, best first.

        Raises:
            InputError: the image has the wrong shape or type.
        """

    def detect_batch(
        self, images: Sequence[ImageBGR], frame_indices: Sequence[int] | None = None
    ) -> list[Detections]:
        """Detect in several frames, of one or many sources and sizes.

        Args:
            images: the frames, as in `detect`.
            frame_indices: their numbers.

        Returns:
            One `Detections` for each frame; the same as from `detect` on each.

        Raises:
            InputError: as in `detect`, or there are not as many indices as images.
        """


def check_image(image: Any) -> ImageBGR:
    """Return the image if it is (H, W, 3) uint8 with at least one pixel.

    Raises:
        InputError: it is not.
    """
    if not isinstance(image, np.ndarray):
        raise InputError(
            f"image is a {type(image).__name__}, expected a numpy array (H, W, 3) uint8"
        )
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise InputError(
            f"image is {image.dtype} of shape {image.shape}, expected uint8 (H, W, 3) in the order "
            "blue, green, red, as cv2.imread gives it"
        )
    return image


def check_batch(images: Sequence[Any], frame_indices: Sequence[int] | None) -> None:
    """Check the arguments of `Detector.detect_batch`.

    Raises:
        InputError: an image is wrong, or there are not as many indices as images.
    """
    for image in images:
        check_image(image)
    if frame_indices is not None and len(frame_indices) != len(images):
        raise InputError(
            f"{len(images)} images but {len(frame_indices)} frame indices, expected one for each"
        )
