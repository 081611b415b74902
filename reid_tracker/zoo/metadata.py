"""Reads and writes the metadata of exported ONNX files without a library."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from reid_tracker.errors import WeightsError

SPACE_KEY = "reid_tracker.space"
"""Key of the embedding space of an exported ONNX or OpenVINO file."""

INPUT_KEY = "reid_tracker.input"
"""Key of the input format of an exported ONNX file; normalised RGB if it is missing."""

INPUT_RGB_01 = "RGB 0-1"
"""RGB from 0 to 1: mean and standard deviation are part of the network."""

_METADATA, _KEY, _VALUE = 14, 1, 2  # fields of ModelProto and StringStringEntryProto
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MAX_BYTES = 2**12
"""Longer entries were not written by this package."""


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
            if len(entry) <= _MAX_BYTES:
                parts = {field: entry[a:b].decode() for field, a, b in _fields(entry)}
                found[parts.get(_KEY, "")] = parts.get(_VALUE, "")
    except OSError as error:
        raise WeightsError(f"cannot read {path}: {error.strerror}") from None
    except (IndexError, ValueError):
        raise WeightsError(f"{path}: not an ONNX file, or damaged; get the file again") from None
    return found


def metadata_entry(key: str, value: str) -> bytes:
    """Return a metadata entry as bytes to append to an ONNX file.

    The file is a protobuf message, in which items of a list (metadata_props, field 14) may stand
    anywhere. All lengths are below 128 here, so that each takes one byte.
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
            raise ValueError(f"no protobuf field at byte {at}")
        yield tag >> 3, at, end
        at = end


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a variable-length integer, and the position after it."""
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 128:
            return value, at
