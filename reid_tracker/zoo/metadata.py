"""What exported ONNX files say about themselves, read and written without a library."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from reid_tracker.errors import WeightsError

SPACE_KEY = "reid_tracker.space"
"""Under this key, an exported ONNX or OpenVINO file names its embedding space."""

INPUT_KEY = "reid_tracker.input"
"""Under this key, an exported ONNX file says which images it takes; normalised RGB without it."""

INPUT_RGB_01 = "RGB 0-1"
"""RGB from 0 to 1: mean and standard deviation are part of the network."""

_METADATA, _KEY, _VALUE = 14, 1, 2  # fields of ModelProto and StringStringEntryProto
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_LARGEST = 2**12
"""Longer entries are none of ours."""


def read_metadata(path: Path) -> dict[str, str]:
    """Return the metadata of an ONNX file, by key.

    Raises:
        WeightsError: the file is missing or damaged.
    """
    try:
        data = path.read_bytes()
        entries = [data[a:b] for field, a, b in _fields(data) if field == _METADATA]
        found = {}
        for entry in entries:
            if len(entry) <= _LARGEST:
                parts = {field: entry[a:b].decode() for field, a, b in _fields(entry)}
                found[parts.get(_KEY, "")] = parts.get(_VALUE, "")
    except OSError as error:
        raise WeightsError(f"cannot read {path}: {error.strerror}") from None
    except (IndexError, ValueError):
        raise WeightsError(f"{path}: not an ONNX file, or damaged; get the file again") from None
    return found


def metadata_entry(key: str, value: str) -> bytes:
    """Return an entry of metadata to append to an ONNX file.

    The file is a message of protobuf, in which a list (metadata_props, field 14) goes on wherever
    its number stands again. Lengths are below 128 here, so that each takes one byte.
    """
    parts = [(_KEY, key.encode()), (_VALUE, value.encode())]
    entry = b"".join(bytes([number << 3 | _BYTES, len(part)]) + part for number, part in parts)
    return bytes([_METADATA << 3 | _BYTES, len(entry)]) + entry


def _fields(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield the number, start and end of every field of a protobuf message."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        kind, end = tag & 7, at
        if kind == _VARINT:
            _, end = _varint(data, at)
        elif kind == _BYTES:
            length, at = _varint(data, at)
            end = at + length
        elif kind in (_FIXED64, _FIXED32):
            end = at + (8 if kind == _FIXED64 else 4)
        if (end == at and kind != _BYTES) or end > len(data) or tag >> 3 == 0:
            raise ValueError(f"no field of protobuf at byte {at}")
        yield tag >> 3, at, end
        at = end


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a number of seven bits a byte, and where it ends."""
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 128:
            return value, at
