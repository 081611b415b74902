"""Sizes of pictures, read from their headers before any memory is taken for their pixels."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from struct import unpack_from

MOST_PIXELS = 2**26
"""Maximum size of a picture or video frame that is decoded: 8192 x 8192."""

_NETPBM = re.compile(rb"P[1-6](?:\s|#[^\n]*\n)+(\d{1,9})(?:\s|#[^\n]*\n)+(\d{1,9})\s")
_NO_SIZE = {0x01, *range(0xD0, 0xDA)}  # markers of JPEG that are not followed by a length
_NO_FRAME = {0xC4, 0xC8, 0xCC}  # within those that begin a frame


def picture_size(data: bytes) -> tuple[int, int] | None:
    """Return width and height as the header of a picture file states them.

    Args:
        data: a JPEG, PNG, WebP, BMP, GIF, TIFF or Netpbm file.

    Returns:
        Pixels; of the largest page of a TIFF file. None if the file is of another kind or damaged.
    """
    try:
        size = _size(data)
    except (struct.error, ValueError):
        return None
    return size if size is not None and min(size) > 0 else None


def too_large(width: int, height: int) -> str:
    """Return why a picture is not decoded, or nothing."""
    if width * height <= MOST_PIXELS:
        return ""
    return f"it has {width} x {height} pixels, at most {MOST_PIXELS:,} can be read; scale it down"


def _size(data: bytes) -> tuple[int, int] | None:
    for start, read in _READERS.items():
        if data.startswith(start):
            return read(data)
    match = _NETPBM.match(data[:4096])
    return None if match is None else (int(match[1]), int(match[2]))


def _bmp(data: bytes) -> tuple[int, int]:
    short = unpack_from("<I", data, 14)[0] == 12  # the header of OS/2
    width, height = unpack_from("<HH" if short else "<ii", data, 18)
    return abs(width), abs(height)


def _jpeg(data: bytes) -> tuple[int, int] | None:
    at = 2
    while True:
        (marker,) = unpack_from(">xB", data, at)
        if marker == 0xFF:  # a fill byte
            at += 1
        elif marker in _NO_SIZE:
            at += 2
        elif 0xC0 <= marker <= 0xCF and marker not in _NO_FRAME:
            height, width = unpack_from(">HH", data, at + 5)
            return width, height
        elif data[at] != 0xFF or marker == 0xDA:
            return None
        else:
            at += 2 + unpack_from(">H", data, at + 2)[0]


def _webp(data: bytes) -> tuple[int, int] | None:
    kind = data[12:16]
    if kind == b"VP8X":
        width, high_width, height, high_height = unpack_from("<HBHB", data, 24)
        return width + (high_width << 16) + 1, height + (high_height << 16) + 1
    if kind == b"VP8L":
        (bits,) = unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = unpack_from("<HH", data, 26)
    return (width & 0x3FFF, height & 0x3FFF) if kind == b"VP8 " else None


def _tiff(data: bytes) -> tuple[int, int] | None:
    order = "<" if data.startswith(b"II") else ">"
    largest, seen = (0, 0), set[int]()
    (at,) = unpack_from(f"{order}I", data, 4)
    while at and at not in seen:
        seen.add(at)
        (count,) = unpack_from(f"{order}H", data, at)
        sides = {256: 0, 257: 0}  # the tags of width and height
        for place in range(at + 2, at + 2 + 12 * count, 12):
            tag, kind = unpack_from(f"{order}HH", data, place)
            if tag in sides:
                (sides[tag],) = unpack_from(f"{order}{'H' if kind == 3 else 'I'}", data, place + 8)
        largest = max(largest, (sides[256], sides[257]), key=lambda size: size[0] * size[1])
        (at,) = unpack_from(f"{order}I", data, at + 2 + 12 * count)
    return largest


_READERS: dict[bytes, Callable[[bytes], tuple[int, int] | None]] = {
    b"\xff\xd8": _jpeg,
    b"\x89PNG\r\n\x1a\n": lambda data: unpack_from(">II", data, 16),
    b"RIFF": _webp,
    b"BM": _bmp,
    b"GIF8": lambda data: unpack_from("<HH", data, 6),
    b"II*\0": _tiff,
    b"MM\0*": _tiff,
}
