"""The interface of detectors, and checks of their arguments; numpy only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from reid_tracker.errors import InputError
from reid_tracker.types import Detections, ImageBGR, check_image


class Detector(Protocol):
    """Finds objects in frames.

    A frame index is the number of the frame in its source, from 0 (`Frame.index`). Only a replay
    uses it, to find the frame in its file; without an index it takes the next frame. Threads may
    share a detector; they take turns.
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
            InputError: as in `detect`, or the numbers of indices and images differ.
        """


def check_batch(images: Sequence[Any], frame_indices: Sequence[int] | None) -> None:
    """Check the arguments of `Detector.detect_batch`.

    Raises:
        InputError: an image has a wrong shape or type, or the numbers of indices and images differ.
    """
    for image in images:
        check_image(image)
    if frame_indices is not None and len(frame_indices) != len(images):
        raise InputError(
            f"{len(images)} images but {len(frame_indices)} frame indices, expected one for each"
        )
