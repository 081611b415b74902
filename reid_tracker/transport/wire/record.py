"""The base of all messages: checks values when a message is made and when one is read.

The bounds stand in the annotations of the fields. msgspec checks them and makes the JSON Schema of
them, so that the classes, the codec and the schema cannot disagree.
"""

from __future__ import annotations

import functools
from typing import Annotated, Any, ClassVar, get_type_hints

import msgspec
import numpy as np
from msgspec import Meta

from reid_tracker.config.checked import shown
from reid_tracker.errors import MessageError

MOST_NAME_BYTES = 200
"""Long enough for the address of a stream, short enough that three of them, escaped, fit into the
longest subject of a NATS server (4096 bytes)."""

MOST_REASON_BYTES = 500

Name = Annotated[str, Meta(min_length=1, max_length=MOST_NAME_BYTES)]
Reason = Annotated[str, Meta(min_length=0, max_length=MOST_REASON_BYTES)]
Count = Annotated[int, Meta(ge=0, le=2**53)]  # JSON readers are exact up to 2**53
Positive = Annotated[int, Meta(ge=1, le=2**53)]
Time = Annotated[float, Meta(ge=0, le=1e11)]
Fraction = Annotated[float, Meta(ge=0, le=1)]


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A message or a part of one; values are kept as the wire has them.

    Raises:
        MessageError: a value does not fit.
    """

    digits: ClassVar[dict[str, int]] = {}
    """Digits after the decimal point by field; numbers are rounded to them."""

    def __post_init__(self) -> None:
        for name, kind in _kinds(type(self)).items():
            value = getattr(self, name)
            try:
                checked = _converted(value, kind)
            except (msgspec.ValidationError, UnicodeError) as error:  # lone surrogates
                raise wrong(f"{type(self).__name__}.{name}", value, str(error)) from None
            if isinstance(checked, str):
                most = MOST_REASON_BYTES if name == "reason" else MOST_NAME_BYTES
                check_text(checked, most, f"{type(self).__name__}.{name}")
            elif name in self.digits:
                checked = _rounded(checked, self.digits[name])
            msgspec.structs.force_setattr(self, name, checked)


def check_text(text: str, most_bytes: int, where: str) -> None:
    """Refuse text that is too long in UTF-8, or holds NUL or lone surrogates.

    Raises:
        MessageError: the text does not fit; the message begins with `where`.
    """
    if text.isascii() and "\0" not in text and len(text) <= most_bytes:
        return  # nearly always
    size = len(text) if len(text) > most_bytes else len(text.encode(errors="replace"))
    if size > most_bytes:
        raise wrong(where, text, f"Expected text of at most {most_bytes} bytes of UTF-8")
    if "\0" in text or text != text.encode(errors="replace").decode():
        raise wrong(where, text, "Expected text without NUL and lone surrogates")


def wrong(where: str, value: Any, expected: str) -> MessageError:
    """Return the error for a value that does not fit; large values are not written out."""
    if isinstance(value, str | bytes | list | tuple | dict) and len(value) > MOST_NAME_BYTES:
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
    """Return Python's numbers for those of numpy, which msgspec does not take."""
    if isinstance(value, list | tuple):
        return [_without_numpy(one) for one in value]
    return value.tolist() if isinstance(value, np.generic | np.ndarray) else value


def _rounded(value: Any, digits: int) -> Any:
    if isinstance(value, tuple):
        return tuple([round(one, digits) for one in value])
    return None if value is None else round(value, digits)
