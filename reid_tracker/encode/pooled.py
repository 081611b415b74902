"""The encoder: pools the crops of one or many frames into chunks and runs a back end on each."""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from reid_tracker.arrays import Float32Array, without_tensors
from reid_tracker.encode.base import Crops, Network, check_boxes
from reid_tracker.encode.preprocess import Cropping, cut_crops
from reid_tracker.errors import InputError
from reid_tracker.types import Boxes, Embeddings, ImageBGR, check_image

logger = logging.getLogger(__name__)

_SHORTEST = 1e-12
"""Length below which float32 squares are too small to tell a direction."""


class PooledEncoder:
    """An `Encoder` over any back end.

    Args:
        network: the back end.
        batch_size: maximum number of crops in one run of it; bounds memory.
        cropping: what is cut out for a box.

    Attributes:
        embedding_size: D of the network.
        network: as given, as are the next.
        batch_size: as given.
        cropping: as given.
    """

    def __init__(
        self, network: Network, batch_size: int = 64, cropping: Cropping = Cropping()
    ) -> None:
        self.embedding_size = network.embedding_size
        self.network = network
        self.batch_size = batch_size
        self.cropping = cropping
        self._lock = threading.Lock()  # guards the buffer that follows, and the network
        self._crops: Crops = np.empty((0, *network.input_size, 3), np.uint8)

    def encode(self, image: ImageBGR, boxes: Boxes) -> Embeddings:
        """Encode the boxes of one frame; see `Encoder.encode`."""
        return self.encode_batch([image], [boxes])[0]

    def encode_batch(self, images: Sequence[ImageBGR], boxes: Sequence[Boxes]) -> list[Embeddings]:
        """Encode the boxes of several frames; see `Encoder.encode_batch`."""
        try:
            images, boxes = list(images), list(boxes)
        except TypeError as error:
            raise InputError(f"{error}: expected a list of images and a list of boxes") from None
        if len(images) != len(boxes):
            raise InputError(
                f"{len(images)} images but {len(boxes)} arrays of boxes, expected one for each"
            )
        checked = [check_boxes(rows) for rows in boxes]
        images = [check_image(_on_cpu(image)) for image in images]
        with self._lock:
            return self._encode(images, checked)

    def encode_crops(self, crops: Iterable[Any], *, color: str = "bgr") -> Embeddings:
        """Encode pictures of one person each; see `Encoder.encode_crops`."""
        if color not in ("bgr", "rgb"):
            raise InputError(f"color = {color!r}: expected bgr or rgb")
        if not isinstance(crops, Iterable) or isinstance(crops, str | bytes):
            raise InputError(
                f"crops are a {type(crops).__name__}: expected a list of pictures (h, w, 3) uint8"
            )
        pictures = [np.asarray(_on_cpu(crop)) for crop in crops]
        rows = [row for row, picture in enumerate(pictures) if picture.size]
        whole = []
        for row in rows:
            try:
                picture = check_image(pictures[row])
            except InputError as error:
                raise InputError(f"crops[{row}]: {error}") from None
            whole.append(picture[..., ::-1] if (color == "rgb") != self.cropping.rgb else picture)
        boxes = [np.array([[0, 0, *crop.shape[1::-1]]], np.float32) for crop in whole]
        embeddings = np.zeros((len(pictures), self.embedding_size), np.float32)
        if rows:
            embeddings[rows] = np.concatenate(self.encode_batch(whole, boxes))
        return embeddings

    def _encode(self, images: Sequence[ImageBGR], checked: list[Boxes]) -> list[Embeddings]:
        starts = np.cumsum([0, *map(len, checked)]).tolist()
        embeddings = np.empty((starts[-1], self.embedding_size), np.float32)
        for begin in range(0, starts[-1], self.batch_size):
            end = min(begin + self.batch_size, starts[-1])
            chunk = self._chunk(end - begin)
            for image, rows, start in zip(images, checked, starts, strict=False):
                first, last = max(begin - start, 0), min(end - start, len(rows))
                if first < last:
                    place = start + first - begin
                    part = chunk[place : place + last - first]
                    cut_crops(image, rows[first:last], part, self.cropping)
            embeddings[begin:end] = unit_rows(self.network.run(chunk))
        return [embeddings[a:b] for a, b in itertools.pairwise(starts)]

    def _chunk(self, size: int) -> Crops:
        """Return a buffer of `size` crops; the memory is kept between frames."""
        if len(self._crops) < size:
            self._crops = np.empty((size, *self._crops.shape[1:]), np.uint8)
        return self._crops[:size]


def _on_cpu(image: Any) -> Any:
    """Return a tensor as an array, and anything else as it is."""
    return without_tensors(image) if hasattr(image, "detach") else image


def unit_rows(rows: Float32Array) -> Embeddings:
    """Scale (n, D) rows to length 1.

    A row without direction (zeros, or not finite) becomes the first unit vector: it still is a
    unit row, and its cosine distance to real embeddings, which spread over hundreds of numbers, is
    close to 1.
    """
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    lost = ~(np.isfinite(lengths) & (lengths > _SHORTEST))[:, 0]
    if lost.any():
        logger.warning(
            "%d of %d embeddings have no direction and match nobody", lost.sum(), len(rows)
        )
        rows = np.where(lost[:, None], np.eye(1, rows.shape[1], dtype=np.float32), rows)
        lengths = np.where(lost[:, None], np.float32(1), lengths)
    unit: Embeddings = rows / lengths
    return unit
