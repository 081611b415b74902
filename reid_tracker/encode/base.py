"""The interfaces of encoders and their back ends, and the check of boxes; numpy only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from reid_tracker.arrays import Float32Array, to_array
from reid_tracker.errors import InputError
from reid_tracker.types import Boxes, Embeddings, ImageBGR, check_not_inverted

Crops = npt.NDArray[np.uint8]
"""A chunk of crops at the size of the network, (n, H, W, 3) uint8 BGR."""


class Encoder(Protocol):
    """Turns boxes of a frame into appearance embeddings.

    Every encoder keeps these promises:

    * Each row has length 1, also that of a box without a pixel inside the frame: such a box is
      encoded as a black crop, so it resembles other such boxes and no person.
    * A row does not depend on which other boxes or frames it was encoded with.
    * An embedding that has no direction (all zeros, or not finite) becomes the first unit vector,
      which is far from every real embedding; a warning is logged.

    Threads may share an encoder; they take turns.

    Attributes:
        embedding_size: D, numbers in an embedding (512 for OSNet).
    """

    embedding_size: int

    def encode(self, image: ImageBGR, boxes: Boxes) -> Embeddings:
        """Encode the boxes of one frame.

        Args:
            image: (H, W, 3) uint8 BGR.
            boxes: (N, 4) float32 xyxy, pixels of the frame; they may leave it and are clipped here.
                N may be 0.

        Returns:
            (N, D) float32 unit rows, in the order of the boxes.

        Raises:
            InputError: an array has the wrong shape or type, or a box is not finite.
        """

    def encode_batch(self, images: Sequence[ImageBGR], boxes: Sequence[Boxes]) -> list[Embeddings]:
        """Encode the boxes of several frames, whose crops share the network's batches.

        Args:
            images: the frames, as in `encode`; sizes may differ.
            boxes: the boxes of each frame.

        Returns:
            One (N, D) array for each frame.

        Raises:
            InputError: as in `encode`, or there are not as many box arrays as images.
        """

    def encode_crops(self, crops: Iterable[Any], *, color: str = "bgr") -> Embeddings:
        """Encode pictures that each show one person, cut out already.

        Args:
            crops: (h, w, 3) uint8 each, of any sizes; arrays or tensors.
            color: order of their channels, "bgr" (as OpenCV reads files) or "rgb" (PIL, torch).

        Returns:
            (N, D) float32 unit rows, in the order of the crops. A crop without a pixel, as of a box
            outside the frame, is a row of zeros, which trackers take for "no appearance".

        Raises:
            InputError: a crop has the wrong shape or type, or `color` is neither.
        """


class Network(Protocol):
    """A back end: runs a network on crops that were already cut and resized.

    Attributes:
        input_size: (height, width) of its crops in pixels.
        embedding_size: D.

    Back ends raise `WeightsError`, `ConfigError` or `MissingDependencyError` when they are built,
    not when they run: each tries its network on black crops first.
    """

    input_size: tuple[int, int]
    embedding_size: int

    def run(self, crops: Crops) -> Float32Array:
        """Embed (n, H, W, 3) uint8 BGR crops, n >= 1, as (n, D) float32 rows of any length."""


def one_line(error: Exception) -> str:
    """Return what a library says, short enough for an error of one line."""
    return " ".join(str(error).split())[:160]


def check_boxes(boxes: Any) -> Boxes:
    """Return the boxes as (N, 4) float32; those of detections or tracks, of any library, too.

    Anything empty counts as no boxes.

    Raises:
        InputError: the shape is not (N, 4), a value is not a finite number, or a box is inverted.
    """
    boxes = getattr(boxes, "boxes", boxes)
    array: Boxes = to_array(getattr(boxes, "xyxy", boxes), np.float32, "boxes")
    if array.size == 0:
        return np.empty((0, 4), np.float32)
    if array.ndim != 2 or array.shape[1] != 4:
        raise InputError(
            f"boxes have shape {array.shape}, expected (N, 4): left, top, right, bottom"
        )
    if not np.isfinite(array).all():
        row = int(np.nonzero(~np.isfinite(array).all(axis=1))[0][0])
        raise InputError(
            f"boxes row {row} is {array[row].tolist()}: expected finite numbers; drop that row"
        )
    check_not_inverted(array, "boxes")
    return array
