"""Copies between host and device that wait for nothing: pinned buffers, side streams, events.

On CUDA a batch travels through one of two pinned buffers on a stream of its own, while the network
still works on the batch before. Elsewhere the same calls copy at once, or not at all on the CPU.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from reid_tracker.arrays import Float32Array
from reid_tracker.device.pictures import DevicePicture
from reid_tracker.types import ImageBGR, check_image

Pixels = ImageBGR | DevicePicture

BUFFERS = 2
"""Batches that may be under way at once."""


@dataclass(frozen=True)
class PixelPool:
    """The pictures of a batch, one after the other.

    Attributes:
        pixels: (P, 3) uint8 on the device, the rows of all pictures.
        sizes: (height, width) of each picture.
        rgb: whether each picture is RGB; others are BGR.
    """

    pixels: torch.Tensor
    sizes: tuple[tuple[int, int], ...]
    rgb: tuple[bool, ...]

    @property
    def device(self) -> torch.device:
        """Where the pixels are."""
        return self.pixels.device

    @property
    def starts(self) -> list[int]:
        """The first row of each picture."""
        starts, place = [], 0
        for height, width in self.sizes:
            starts.append(place)
            place += height * width
        return starts

    def picture(self, number: int) -> torch.Tensor:
        """Return one picture, (H, W, 3) uint8, without a copy."""
        start, (height, width) = self.starts[number], self.sizes[number]
        return self.pixels[start : start + height * width].view(height, width, 3)

    def geometry(self) -> torch.Tensor:
        """Return (B, 4) int64 on the device: start, height, width and whether it is RGB.

        It depends on the cameras alone, and is sent once for a set of them.
        """
        return _geometry(self.sizes, self.rgb, self.device)


@lru_cache(maxsize=64)
def _geometry(
    sizes: tuple[tuple[int, int], ...], rgb: tuple[bool, ...], device: torch.device
) -> torch.Tensor:
    rows, place = [], 0
    for (height, width), is_rgb in zip(sizes, rgb, strict=True):
        rows.append([place, height, width, int(is_rgb)])
        place += height * width
    return torch.tensor(rows, dtype=torch.int64).to(device)


class SideStream:
    """A CUDA stream; on other devices everything runs in order and this does nothing."""

    def __init__(self, device: torch.device) -> None:
        real = device.type == "cuda" and torch.cuda.is_available()
        self._stream: torch.cuda.Stream | None = None
        if real:
            self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    @contextmanager
    def use(self) -> Iterator[None]:
        """Run what follows on this stream."""
        if self._stream is None:
            yield
            return
        with torch.cuda.stream(self._stream):
            yield

    def wait(self, event: Any) -> None:
        """Let this stream wait for an event of `mark`; the host goes on."""
        if self._stream is not None and event is not None:
            self._stream.wait_event(event)

    def mark(self) -> Any:
        """Return an event after what this stream was given so far."""
        return None if self._stream is None else self._stream.record_event()

    def compute_mark(self) -> Any:
        """Return an event after what the device was given so far outside of this stream."""
        if self._stream is None:
            return None
        return torch.cuda.current_stream(self._stream.device).record_event()

    def keep(self, tensor: torch.Tensor) -> None:
        """Keep a tensor's memory until this stream is done with it."""
        if self._stream is not None:
            tensor.record_stream(self._stream)

    def before_compute(self) -> None:
        """Let the device wait for what this stream was given so far."""
        if self._stream is not None:
            torch.cuda.current_stream(self._stream.device).wait_stream(self._stream)


def host_buffer(size: int, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """Return host memory that a device can copy from and to in the background."""
    pinned = device.type == "cuda" and torch.cuda.is_available()
    return torch.empty(size, dtype=dtype, pin_memory=pinned)


class Uploader:
    """Brings the pictures of a batch to a device in one copy.

    Args:
        device: where to.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._stream = SideStream(device)
        self._host = [host_buffer(0, torch.uint8, device) for _ in range(BUFFERS)]
        self._there = [torch.empty(0, dtype=torch.uint8, device=device) for _ in range(BUFFERS)]
        self._copied: list[Any] = [None] * BUFFERS
        self._last_call: Any = None
        self._turn = 0

    def upload(self, pictures: Sequence[Pixels]) -> PixelPool:
        """Return the pictures on the device.

        The pixels are overwritten by the `BUFFERS`-th call after this one; that copy waits until
        the device has finished with them.

        Args:
            pictures: (H, W, 3) uint8 BGR each, or pictures on a device; sizes may differ.

        Raises:
            InputError: a picture has the wrong shape or type.
        """
        pixels = [
            # torch takes neither reversed strides nor arrays that must not be written to
            one.pixels
            if isinstance(one, DevicePicture)
            else torch.from_numpy(np.require(check_image(one), requirements=["C", "W"]))
            for one in pictures
        ]
        staged = [not isinstance(one, DevicePicture) for one in pictures]
        sizes = tuple((int(one.shape[0]), int(one.shape[1])) for one in pixels)
        rgb = tuple(isinstance(one, DevicePicture) and one.color == "rgb" for one in pictures)
        bytes_of = [one.numel() for one in pixels]
        total = sum(bytes_of)
        turn = self._turn
        self._turn = (turn + 1) % BUFFERS
        if self._copied[turn] is not None:
            self._copied[turn].synchronize()  # long past: the buffer's last copy to the device
        if self._there[turn].numel() < total:
            self._there[turn] = torch.empty(total, dtype=torch.uint8, device=self.device)
        there = self._there[turn][:total]
        on_cpu = self.device.type == "cpu"
        if any(staged) and not on_cpu and self._host[turn].numel() < total:
            self._host[turn] = host_buffer(total, torch.uint8, self.device)
        host = there if on_cpu else self._host[turn]
        # The buffer's batch before was given to the device before the last call of this function.
        self._stream.wait(self._last_call)
        self._last_call = self._stream.compute_mark()
        place = 0
        for one, from_host in zip(pixels, staged, strict=True):
            part = slice(place, place + one.numel())
            place += one.numel()
            (host if from_host else there)[part].view(one.shape).copy_(one, non_blocking=True)
        if any(staged) and not on_cpu:
            with self._stream.use():
                if all(staged):
                    there.copy_(host[:total], non_blocking=True)
                else:
                    self._copy_staged(there, host, staged, bytes_of)
            self._copied[turn] = self._stream.mark()
            self._stream.before_compute()
        return PixelPool(there.view(-1, 3), sizes, rgb)

    def _copy_staged(
        self, there: torch.Tensor, host: torch.Tensor, staged: list[bool], bytes_of: list[int]
    ) -> None:
        place = 0
        for from_host, size in zip(staged, bytes_of, strict=True):
            part = slice(place, place + size)
            place += size
            if from_host:
                there[part].copy_(host[part], non_blocking=True)


class Downloader:
    """Brings one float32 tensor of a batch to the host, in one copy that the host can wait for."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = SideStream(device)
        self._host = [host_buffer(0, torch.float32, device) for _ in range(BUFFERS)]
        self._turn = 0

    def start(self, numbers: torch.Tensor) -> Callable[[], Float32Array]:
        """Start to copy (N,) float32 numbers.

        Returns:
            A function that waits for the copy, the only time the host waits for the device, and
            returns the numbers. They are overwritten by the `BUFFERS`-th call after this one.
        """
        size = numbers.numel()
        turn = self._turn
        self._turn = (turn + 1) % BUFFERS
        if self._host[turn].numel() < size:
            self._host[turn] = host_buffer(2 * size, torch.float32, self._device)
        host = self._host[turn][:size]
        self._stream.wait(self._stream.compute_mark())
        with self._stream.use():
            host.copy_(numbers, non_blocking=True)
        self._stream.keep(numbers)
        copied = self._stream.mark()

        def finish() -> Float32Array:
            if copied is not None:
                copied.synchronize()
            rows: Float32Array = host.numpy()
            return rows

        return finish
