"""From pictures to boxes and embeddings on one device, with one copy to the host per batch.

The host gives the device all work of a batch without waiting: upload, letterbox, detector,
suppression, crops, encoder. How many people there are is known only to the device. So the encoder
gets a fixed number of crops, somewhat more than there were boxes in the last batch. If there are
more, or the suppression was not exact, the host learns it with the boxes and orders the rest.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from reid_tracker.arrays import Float32Array
from reid_tracker.device.graphs import bucket
from reid_tracker.device.suppress import FoundBoxes
from reid_tracker.device.transfer import BUFFERS, Downloader, PixelPool, Pixels, Uploader
from reid_tracker.errors import InputError
from reid_tracker.types import Detections, Embeddings

logger = logging.getLogger(__name__)

_HEADROOM = 1.25
_COLUMNS = 6  # xyxy, score, class


class TensorDetector(Protocol):
    """Finds boxes in pictures on a device; see `detect.tensors`.

    Attributes:
        device: where it runs.
        class_names: names of class numbers.
    """

    device: torch.device
    class_names: dict[int, str]

    def find(self, pool: PixelPool) -> FoundBoxes:
        """Find the boxes of each picture, in its pixels, without waiting for the device."""

    def search_wider(self) -> None:
        """Compare more candidates from now on, since the last result was not exact."""


class TensorEncoder(Protocol):
    """Embeds boxes of pictures on a device; see `encode.tensors`.

    Attributes:
        device: where it runs.
        embedding_size: D.
    """

    device: torch.device
    embedding_size: int

    def embed(self, pool: PixelPool, boxes: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
        """Embed (M, 4) boxes of the pictures with (M,) numbers as (M, D) float32 unit rows."""


@dataclass
class Pending:
    """A batch that the device works on; `DevicePath.collect` takes it.

    Attributes:
        pool: its pictures.
        found: its boxes, on the device.
        room: crops that are being encoded.
        finish: waits for the copy to the host.
    """

    pool: PixelPool
    found: FoundBoxes
    room: int
    finish: Callable[[], Float32Array]


Perceived = tuple[Detections, Embeddings | None]
"""What is seen in a picture: N detections, and their (N, D) embeddings if there is an encoder."""


class DevicePath:
    """Detects and encodes people in batches of pictures on one device.

    Args:
        detector: finds people.
        encoder: embeds them; None for boxes alone.

    Attributes:
        device: where everything runs.
        embedding_size: D; None without an encoder.
        class_names: names of class numbers.
        extra_rounds: batches that needed a second copy to the host so far.

    Raises:
        InputError: detector and encoder are on different devices.
    """

    def __init__(self, detector: TensorDetector, encoder: TensorEncoder | None) -> None:
        self.device = detector.device
        if encoder is not None and encoder.device != self.device:
            raise InputError(
                f"the detector is on {self.device}, the encoder on {encoder.device}: expected one "
                "device for both"
            )
        self.class_names = detector.class_names
        self.embedding_size = None if encoder is None else encoder.embedding_size
        self.extra_rounds = 0
        self._detector = detector
        self._encoder = encoder
        self._uploader = Uploader(self.device)
        self._downloader = Downloader(self.device)
        self._extra = Downloader(self.device)  # the buffers of the first still hold a batch
        self._room = bucket(1)
        self._under_way: deque[Pending] = deque()
        self._lock = threading.Lock()

    def perceive(self, pictures: Sequence[Pixels]) -> list[Perceived]:
        """Detect and encode people in pictures.

        Args:
            pictures: (H, W, 3) uint8 BGR each, or pictures on a device; sizes may differ.

        Returns:
            For each picture its detections and their embeddings.

        Raises:
            InputError: a picture has the wrong shape or type.
        """
        if not pictures:
            return []
        return self.collect(self.launch(pictures))

    @torch.inference_mode()
    def launch(self, pictures: Sequence[Pixels]) -> Pending:
        """Give the device a batch and return at once; at most two may be under way.

        Args:
            pictures: as in `perceive`, at least one.

        Raises:
            InputError: as there, or two batches are under way already.
        """
        with self._lock:
            if len(self._under_way) == BUFFERS:
                raise InputError(f"{BUFFERS} batches are under way: collect the oldest first")
            pool = self._uploader.upload(pictures)
            pending = self._start(pool, self._downloader)
            self._under_way.append(pending)
            return pending

    @torch.inference_mode()
    def collect(self, pending: Pending) -> list[Perceived]:
        """Wait for a batch and return what `perceive` does; the oldest batch comes first.

        Raises:
            InputError: it is not the oldest batch under way.
        """
        with self._lock:
            if not self._under_way or self._under_way[0] is not pending:
                raise InputError("this batch is not the oldest one: collect in the order of launch")
            self._under_way.popleft()
            return self._collect(pending)

    def forget(self) -> None:
        """Drop the batches under way, whose results nobody wants any more."""
        with self._lock:
            for pending in self._under_way:
                pending.finish()
            self._under_way.clear()

    def _start(self, pool: PixelPool, downloader: Downloader) -> Pending:
        found = self._detector.find(pool)
        parts = [_table(found).reshape(-1), found.counts.float(), found.exact.float()]
        room = 0
        if self._encoder is not None:
            room = min(self._room, found.scores.numel())
            parts.append(_rows(self._encoder, pool, found, 0, room).reshape(-1))
        return Pending(pool, found, room, downloader.start(torch.cat(parts)))

    def _collect(self, pending: Pending) -> list[Perceived]:
        pictures, most = pending.found.scores.shape
        tables, numbers = np.split(pending.finish(), [pictures * most * _COLUMNS])
        counts, exact, rows = np.split(numbers, [pictures, 2 * pictures])
        if not exact.all():
            self.extra_rounds += 1
            self._detector.search_wider()
            return self._collect(self._start(pending.pool, self._extra))
        tables = tables.reshape(pictures, most, _COLUMNS)
        lengths = counts.astype(np.int64)
        detections = [
            Detections(table[:length, :4], table[:length, 4], table[:length, 5].astype(np.int64))
            for table, length in zip(tables, lengths, strict=True)
        ]
        if self._encoder is None:
            return [(found, None) for found in detections]
        total = int(lengths.sum())
        embeddings = rows.reshape(-1, self._encoder.embedding_size)[:total].copy()
        self._room = bucket(int(total * _HEADROOM))
        if total > pending.room:
            rest = self._rest(self._encoder, pending, total)
            embeddings = np.concatenate([embeddings, rest])
        _warn_of_lost(embeddings)
        split = np.split(embeddings, np.cumsum(lengths)[:-1])
        return list(zip(detections, split, strict=True))

    def _rest(self, encoder: TensorEncoder, pending: Pending, total: int) -> Float32Array:
        """Embed the boxes that had no room."""
        self.extra_rounds += 1
        last = min(pending.room + bucket(total - pending.room), pending.found.scores.numel())
        rows = _rows(encoder, pending.pool, pending.found, pending.room, max(last, total))
        numbers = self._extra.start(rows.reshape(-1))()
        return numbers.reshape(len(rows), -1)[: total - pending.room].copy()


def _rows(
    encoder: TensorEncoder, pool: PixelPool, found: FoundBoxes, first: int, last: int
) -> torch.Tensor:
    """Embed the boxes from `first` to `last`, counted over all pictures."""
    pictures, most = found.scores.shape
    places = torch.arange(most, device=pool.device).expand(pictures, most)
    missing = (places >= found.counts[:, None]).reshape(-1).byte()
    order = missing.sort(stable=True).indices[first:last]
    return encoder.embed(pool, found.boxes.reshape(-1, 4)[order], order // most)


def _table(found: FoundBoxes) -> torch.Tensor:
    """Return (B, M, 6) float32: xyxy, score, class."""
    return torch.cat([found.boxes, found.scores[..., None], found.classes[..., None]], dim=2)


def _warn_of_lost(embeddings: Embeddings) -> None:
    """Warn of the rows that the encoder gives to crops without a direction."""
    lost = (embeddings[:, 0] == 1).sum()
    if lost:
        logger.warning(
            "%d of %d embeddings have no direction and match nobody", lost, len(embeddings)
        )
