"""A picture of a person, on the wire: a small JPEG file, where a host was told to send it."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from reid_tracker.transport.wire.fields import Schema, wrong

MOST_PICTURE_BYTES = 6000
"""Fits into a message beside the most prototypes and observations that it may hold."""

_BEGIN, _END = b"\xff\xd8\xff", b"\xff\xd9"
_MOST_LETTERS = 4 * -(-MOST_PICTURE_BYTES // 3)
_EXPECTED = f"a JPEG file of at most {MOST_PICTURE_BYTES} bytes"


class Jpeg:
    """The bytes of a JPEG file as base64. They are passed on, never decoded."""

    def check(self, value: Any, where: str) -> bytes:
        """See `Kind`."""
        if not isinstance(value, bytes) or len(value) > MOST_PICTURE_BYTES:
            wrong(where, type(value).__name__, _EXPECTED)
        if not (value.startswith(_BEGIN) and value.endswith(_END)):
            wrong(where, value[:8], _EXPECTED)
        return value

    def dump(self, value: bytes) -> str:
        """See `Kind`."""
        return base64.b64encode(value).decode("ascii")

    def load(self, value: Any, where: str) -> bytes:
        """See `Kind`."""
        if not isinstance(value, str) or len(value) > _MOST_LETTERS:
            wrong(where, value, f"base64 of {_EXPECTED}")
        try:
            data = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            wrong(where, value, "base64")
        return self.check(data, where)

    def schema(self) -> Schema:
        """See `Kind`."""
        return {
            "type": "string",
            "contentEncoding": "base64",
            "contentMediaType": "image/jpeg",
            "pattern": "^[A-Za-z0-9+/]*={0,2}$",
            "maxLength": _MOST_LETTERS,
        }
