"""Base class of all messages: checks values when a message is made and when it is decoded.

The annotations of the fields hold the bounds. msgspec checks values against them and generates the
JSON Schema from them, so that classes, codec and schema cannot disagree.
"""

from __future__ import annotations

import functools
from typing import Annotated, Any, ClassVar, get_type_hints

import msgspec
import numpy as np
from msgspec import Meta

from reid_tracker.config.checked import shown
from reid_tracker.errors import MessageError

MAX_NAME_BYTES = 200
"""Long enough for the address of a stream, short enough that three of them, escaped, fit into the
longest subject of a NATS server (4096 bytes)."""

MAX_REASON_BYTES = 500

Name = Annotated[str, Meta(min_length=1, max_length=MAX_NAME_BYTES)]
Reason = Annotated[str, Meta(min_length=0, max_length=MAX_REASON_BYTES)]
Count = Annotated[int, Meta(ge=0, le=2**53)]  # JSON readers are exact up to 2**53
Positive = Annotated[int, Meta(ge=1, le=2**53)]
Time = Annotated[float, Meta(ge=0, le=1e11)]
Fraction = Annotated[float, Meta(ge=0, le=1)]


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A message or a part of one, with values rounded as on the wire.

    Raises:
        MessageError: a value is invalid.
    """

    digits: ClassVar[dict[str, int]] = {}
    """Decimal places to which each field is rounded."""

    def __post_init__(self) -> None:
        for name, kind in _kinds(type(self)).items():
            value = getattr(self, name)
            try:
                checked = _converted(value, kind)
            except (msgspec.ValidationError, UnicodeError) as error:  # lone surrogates
                raise wrong(f"{type(self).__name__}.{name}", value, str(error)) from None
            if isinstance(checked, str):
                most = MAX_REASON_BYTES if name == "reason" else MAX_NAME_BYTES
                check_text(checked, most, f"{type(self).__name__}.{name}")
            elif name in self.digits:
                checked = _rounded(checked, self.digits[name])
            msgspec.structs.force_setattr(self, name, checked)


def check_text(text: str, max_bytes: int, where: str) -> None:
    """Refuse text that is too long in UTF-8, or holds NUL or lone surrogates.

    Raises:
        MessageError: the text is invalid; the error names `where`.
    """
    if text.isascii() and "\0" not in text and len(text) <= max_bytes:
        return  # the usual case, quickly
    size = len(text) if len(text) > max_bytes else len(text.encode(errors="replace"))
    if size > max_bytes:
        raise wrong(where, text, f"Expected text of at most {max_bytes} bytes of UTF-8")
    if "\0" in text or text != text.encode(errors="replace").decode():
        raise wrong(where, text, "Expected text without NUL and lone surrogates")


def wrong(where: str, value: Any, expected: str) -> MessageError:
    """Return the error for an invalid value; it does not quote large values."""
    if isinstance(value, str | bytes | list | tuple | dict) and len(value) > MAX_NAME_BYTES:
        text = f"a {type(value).__name__} of length {len(value)}"
    else:
        text = shown(value)
    return MessageError(f"{where} = {text}: {expected}")


@functools.cache
def _kinds(record: type[Record]) -> dict[str, Any]:
    hints = get_type_hints(record, include_extras=True)
    return {name: hints[name] for name in record.__struct_fields__}


def _converted(value: Any, kind: Any) -> Any:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return msgspec.convert(_without_numpy(value), kind)


def _without_numpy(value: Any) -> Any:
    """Convert numpy's numbers to Python's; msgspec accepts only those."""
    if isinstance(value, list | tuple):
        return [_without_numpy(one) for one in value]
    return value.tolist() if isinstance(value, np.generic | np.ndarray) else value


def _rounded(value: Any, digits: int) -> Any:
    if isinstance(value, tuple):
        return tuple([round(one, digits) for one in value])
    return None if value is None else round(value, digits)
