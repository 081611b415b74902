"""Encodes messages as compact JSON, and decodes them strictly, with bounded time and memory.

People, other languages and the tools of every broker can read JSON. Embeddings are base64 of
float16, which makes a message a third larger than the densest binary format; `python -m
tests.benchmarks.transport_speed` compares formats.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from reid_tracker.config.checked import shown
from reid_tracker.errors import MessageError, MessageVersionError
from reid_tracker.transport.wire.embeddings import dump_vectors, load_vectors
from reid_tracker.transport.wire.messages import (
    SCHEMA_VERSION,
    CameraMessage,
    EdgeMessage,
    IdentityMessage,
    Message,
    TrackletMessage,
)

MAX_MESSAGE_BYTES = 64 * 1024
"""Larger messages are neither sent nor read; brokers are configured to refuse them, too."""

TYPES: dict[str, type[Message]] = {
    "tracklet": TrackletMessage,
    "camera": CameraMessage,
    "edge": EdgeMessage,
    "identity": IdentityMessage,
}
_TYPE_OF = {kind: name for name, kind in TYPES.items()}


def encode_message(message: Message) -> bytes:
    """Encode a message.

    Raises:
        MessageError: the encoded message is larger than `MAX_MESSAGE_BYTES`.
    """
    head = {"schema": SCHEMA_VERSION, "type": _TYPE_OF[type(message)]}
    data = msgspec.json.encode(head | msgspec.to_builtins(message, enc_hook=dump_vectors))
    check_size(data)
    return data


def decode_message(data: bytes) -> Message:
    """Decode a message; `MAX_MESSAGE_BYTES` bounds the time and memory that this takes.

    Raises:
        MessageError: the message has another schema version, is damaged, or a value is invalid.
    """
    check_size(data)
    try:
        # msgspec's own reader would accept a key that occurs twice.
        values = json.loads(data.decode("utf-8"), object_pairs_hook=_unique_keys)
    except MessageError:
        raise
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
        raise MessageError(f"message is not JSON: {shown(error, str)}") from None
    if not isinstance(values, dict):
        raise MessageError(f"message is a JSON {type(values).__name__}, expected an object")
    version = values.pop("schema", None)
    if type(version) is not int or version != SCHEMA_VERSION:
        raise MessageVersionError(
            f"message has schema {shown(version)}, expected {SCHEMA_VERSION}; run the same version "
            "of reid-track on all machines"
        )
    kind = values.pop("type", None)
    if not isinstance(kind, str) or kind not in TYPES:
        raise MessageError(f"message has type {shown(kind)}, expected one of {', '.join(TYPES)}")
    try:
        return msgspec.convert(values, TYPES[kind], dec_hook=load_vectors)
    except (msgspec.ValidationError, UnicodeError) as error:  # lone surrogates
        raise MessageError(f"{kind} message: {shown(error, str)}") from None


def check_size(data: bytes) -> None:
    """Raise `MessageError` if a message has more bytes than allowed."""
    if len(data) > MAX_MESSAGE_BYTES:
        raise MessageError(
            f"message has {len(data)} bytes, expected at most {MAX_MESSAGE_BYTES}; send fewer "
            "prototypes or observations in a message"
        )


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise MessageError("message has a key twice")
    for key, value in pairs:
        if value is None:
            raise MessageError(f"message holds null at {shown(key)}; leave the key out")
    return values
