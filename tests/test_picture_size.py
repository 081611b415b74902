"""Sizes of pictures are read from their headers."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from reid_tracker.errors import SourceError
from reid_tracker.picture_size import picture_size, too_large
from reid_tracker.video import open_source

IMAGE = np.full((40, 70, 3), 90, np.uint8)


@pytest.mark.parametrize(
    "name", ["a.jpg", "a.png", "a.bmp", "a.webp", "a.tiff", "a.ppm", "a.pgm", "a.gif"]
)
def test_every_format_states_its_size(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    assert cv2.imwrite(str(path), IMAGE if name != "a.pgm" else IMAGE[..., 0])
    data = path.read_bytes()
    assert picture_size(data) == (70, 40)
    for end in range(0, min(len(data), 60)):
        picture_size(data[:end])  # a cut header is no error


def test_lossless_webp_and_a_jpeg_with_other_segments_in_front(tmp_path: Path) -> None:
    path = tmp_path / "a.webp"
    cv2.imwrite(str(path), IMAGE, [cv2.IMWRITE_WEBP_QUALITY, 101])
    assert path.read_bytes()[12:16] == b"VP8L"
    assert picture_size(path.read_bytes()) == (70, 40)
    jpeg = cv2.imencode(".jpg", IMAGE)[1].tobytes()
    extra = b"\xff\xe1" + struct.pack(">H", 1002) + bytes(1000)
    assert picture_size(jpeg[:2] + extra + b"\xff" + jpeg[2:]) == (70, 40)


@pytest.mark.parametrize("data", [b"", b"hello", b"\xff\xd8\xff\xd9", b"II*\0\0\0\0\0", b"RIFF"])
def test_anything_else_has_no_size(data: bytes) -> None:
    assert picture_size(data) is None


def claiming(width: int, height: int) -> bytes:
    """A small JPEG whose header claims another size."""
    data = cv2.imencode(".jpg", IMAGE)[1].tobytes()
    at = data.index(b"\xff\xc0")
    return data[: at + 5] + struct.pack(">HH", height, width) + data[at + 9 :]


def test_a_picture_that_claims_too_much_is_refused_by_its_header(tmp_path: Path) -> None:
    assert not too_large(7680, 4320)
    (tmp_path / "bomb.jpg").write_bytes(claiming(32_000, 32_000))
    with pytest.raises(SourceError, match="32000 x 32000 pixels"):
        open_source(tmp_path / "bomb.jpg")
    cv2.imwrite(str(tmp_path / "sound.jpg"), IMAGE)
    frames = list(open_source(tmp_path))
    assert [frame.image.shape for frame in frames] == [IMAGE.shape]
