"""Messages to bytes and back: compact JSON, read strictly and with bounded effort.

JSON, since every broker's tools, other languages and people can read it. With embeddings as base64
of float16 a message is a third larger than the densest form; `python -m
tests.benchmarks.transport_speed` measures it against others.
"""

from __future__ import annotations

import json
from typing import Any

from reid_tracker.config.checked import shown
from reid_tracker.errors import MessageError, MessageVersionError
from reid_tracker.transport.wire.fields import dump_record, load_record
from reid_tracker.transport.wire.messages import (
    SCHEMA_VERSION,
    CameraStatus,
    EdgeStatus,
    IdentityMessage,
    Message,
    TrackletMessage,
)

MAX_MESSAGE_BYTES = 64 * 1024
"""No larger message is made, sent or read; brokers are set up to refuse them, too."""

TYPES: dict[str, type[Any]] = {
    "tracklet": TrackletMessage,
    "camera": CameraStatus,
    "edge": EdgeStatus,
    "identity": IdentityMessage,
}
_TYPE_OF = {kind: name for name, kind in TYPES.items()}


def encode_message(message: Message) -> bytes:
    """Write a message.

    Raises:
        MessageError: it would be larger than `MAX_MESSAGE_BYTES`.
    """
    head = {"schema": SCHEMA_VERSION, "type": _TYPE_OF[type(message)]}
    text = json.dumps(
        head | dump_record(message), ensure_ascii=False, allow_nan=False, separators=(",", ":")
    )
    data = text.encode()
    check_size(data)
    return data


def decode_message(data: bytes) -> Message:
    """Read a message, from whomever it comes.

    Raises:
        MessageError: it is of another version, damaged, or holds what no message may hold. Time and
            memory are bounded by `MAX_MESSAGE_BYTES`.
    """
    check_size(data)
    try:
        values = json.loads(
            data.decode("utf-8"), object_pairs_hook=_distinct, parse_constant=_no_constant
        )
    except MessageError:
        raise
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
        raise MessageError(f"message is no JSON: {shown(error, str)}") from None
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
    message: Message = load_record(TYPES[kind], values)
    return message


def check_size(data: bytes) -> None:
    """Raise `MessageError` if that is more than a message may have."""
    if len(data) > MAX_MESSAGE_BYTES:
        raise MessageError(
            f"message has {len(data)} bytes, expected at most {MAX_MESSAGE_BYTES}; send fewer "
            "prototypes or observations in one"
        )


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise MessageError("message has a key twice")
    return values


def _no_constant(name: str) -> Any:
    raise MessageError(f"message holds {name}, which is no number")
