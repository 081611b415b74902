"""Small synthetic clips whose frames tell their own number, through any lossy codec."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from reid_tracker.types import ImageBGR

WIDTH, HEIGHT = 64, 48
NTSC = Fraction(30000, 1001)
FRAMES = 20
_LEVELS, _FIRST, _STEP = 8, 20, 30


def numbered(index: int) -> ImageBGR:
    """A frame that shows `index`, below 64: grey levels of its left and right half, base 8."""
    image = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    image[:, : WIDTH // 2] = _FIRST + _STEP * (index // _LEVELS % _LEVELS)
    image[:, WIDTH // 2 :] = _FIRST + _STEP * (index % _LEVELS)
    return image


def number_of(image: ImageBGR) -> int:
    """Read back the number of `numbered`."""
    halves = (image[8:-8, 8:24], image[8:-8, 40:56])
    high, low = (round((float(half.mean()) - _FIRST) / _STEP) for half in halves)
    return high * _LEVELS + low


def write_clip(
    path: Path,
    frames: int = FRAMES,
    rate: Fraction = NTSC,
    codec: str = "libx264",
    times_s: Sequence[float] | None = None,
    noise: bool = False,
    tick: Fraction = Fraction(1, 1000),
    muxer: dict[str, str] | None = None,
    encoder: dict[str, str] | None = None,
) -> Path:
    """Write numbered frames.

    Args:
        path: its suffix chooses the container.
        frames: how many.
        rate: frames per second.
        codec: name of FFmpeg's encoder.
        times_s: presentation times for a variable rate; None is constant.
        noise: add a noisy strip above and below, so that the file has bytes to cut and damage.
        tick: unit of `times_s` in the file, seconds.
        muxer: options of the container.
        encoder: options of the codec.
    """
    random = np.random.default_rng(7)
    with av.open(str(path), "w", container_options=muxer or {}) as container:
        stream = container.add_stream(codec, rate=rate, options=encoder or {})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        if times_s is not None:
            stream.codec_context.time_base = tick
        for index in range(frames):
            image = numbered(index)
            if noise:
                image[:8] = random.integers(0, 255, (8, WIDTH, 3))
                image[-8:] = random.integers(0, 255, (8, WIDTH, 3))
            frame = av.VideoFrame.from_ndarray(image, format="bgr24")
            if times_s is not None:
                frame.pts, frame.time_base = round(times_s[index] / tick), tick
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_images(folder: Path, frames: int = 20, pattern: str = "frame{}.png") -> Path:
    """Write numbered images; their names have no leading zeros."""
    folder.mkdir(parents=True)
    for index in range(frames):
        cv2.imwrite(str(folder / pattern.format(index)), numbered(index))
    return folder


def rotate_in_header(path: Path, degrees: int) -> None:
    """Make an MP4 say that it is to be shown turned clockwise, as phones do."""
    cos, sin = {90: (0, 1), 180: (-1, 0), 270: (0, -1)}[degrees]
    one, unit = 1 << 16, 1 << 30
    matrix = (cos * one, sin * one, 0, -sin * one, cos * one, 0, 0, 0, unit)
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 44
    data[at : at + 36] = struct.pack(">9i", *matrix)
    path.write_bytes(data)


def cut(path: Path, part: float) -> Path:
    """Keep the first part of a file."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * part)])
    return path


def damage(path: Path, at: float, size: int) -> Path:
    """Overwrite `size` bytes from the part `at` of a file with noise."""
    data = bytearray(path.read_bytes())
    start = int(len(data) * at)
    data[start : start + size] = np.random.default_rng(3).bytes(size)
    path.write_bytes(data)
    return path


class FakeCapture:
    """Stands in for cv2.VideoCapture: a camera with FRAMES numbered pictures."""

    def __init__(self, number: int) -> None:
        self.next = -1  # opening takes one picture

    def grab(self) -> bool:
        self.next += 1
        return self.next <= FRAMES

    def retrieve(self) -> tuple[bool, Any]:
        return True, numbered(max(0, self.next - 1))

    def read(self) -> tuple[bool, Any]:
        return self.grab(), self.retrieve()[1]

    def get(self, key: int) -> float:
        return 30.0

    def release(self) -> None:
        pass
