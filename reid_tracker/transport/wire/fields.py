"""What a field of a message may hold: checks it, writes it as JSON, reads it, and describes it.

One object a field, so that the classes, the codec and the JSON Schema cannot disagree.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

import numpy as np

from reid_tracker.config.checked import shown
from reid_tracker.errors import MessageError

Schema = dict[str, Any]


class Kind(Protocol):
    """What a field may hold."""

    def check(self, value: Any, where: str) -> Any:
        """Return the value in the form that the message keeps, or raise `MessageError`."""
        ...

    def dump(self, value: Any) -> Any:
        """Return a checked value as JSON has it."""
        ...

    def load(self, value: Any, where: str) -> Any:
        """Return the value of something that came as JSON, or raise `MessageError`."""
        ...

    def schema(self) -> Schema:
        """Return the JSON Schema of what `dump` gives."""
        ...


class Plain:
    """A kind that JSON has as it is."""

    def dump(self, value: Any) -> Any:
        """See `Kind`."""
        return value

    def load(self, value: Any, where: str) -> Any:
        """See `Kind`."""
        return self.check(value, where)

    def check(self, value: Any, where: str) -> Any:
        """See `Kind`."""
        raise NotImplementedError


@dataclass(frozen=True)
class Text(Plain):
    """Text of `least` to `most` bytes of UTF-8, without NUL and lone surrogates."""

    most: int
    least: int = 1

    def check(self, value: Any, where: str) -> str:
        """See `Kind`."""
        if type(value) is str and value.isascii() and "\0" not in value:
            if self.least <= len(value) <= self.most:  # nearly always
                return value
            wrong(where, value, f"text of {self.least} to {self.most} bytes")
        # More letters than bytes cannot be; asked first, since encoding costs memory.
        if not isinstance(value, str) or len(value) > self.most:
            wrong(where, value, f"text of {self.least} to {self.most} bytes")
        size = len(value.encode(errors="replace"))
        if not self.least <= size <= self.most:
            wrong(where, value, f"text of {self.least} to {self.most} bytes")
        if "\0" in value or value != value.encode(errors="replace").decode():
            wrong(where, value, "text without NUL and lone surrogates")
        return str(value)

    def schema(self) -> Schema:
        """See `Kind`."""
        return {"type": "string", "minLength": self.least, "maxLength": self.most}


@dataclass(frozen=True)
class Choice(Plain):
    """One of a few words."""

    words: tuple[str, ...]

    def check(self, value: Any, where: str) -> str:
        """See `Kind`."""
        if not isinstance(value, str) or value not in self.words:
            wrong(where, value, f"one of {', '.join(self.words)}")
        return value

    def schema(self) -> Schema:
        """See `Kind`."""
        return {"enum": list(self.words)}


@dataclass(frozen=True)
class Whole(Plain):
    """A whole number from `low` to `high`; JSON's readers are exact up to 2**53."""

    low: int = 0
    high: int = 2**53

    def check(self, value: Any, where: str) -> int:
        """See `Kind`."""
        whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
        if not whole or not self.low <= value <= self.high:
            wrong(where, value, f"a whole number from {self.low} to {self.high}")
        return int(value)

    def schema(self) -> Schema:
        """See `Kind`."""
        return {"type": "integer", "minimum": self.low, "maximum": self.high}


@dataclass(frozen=True)
class Real(Plain):
    """A number from `low` to `high`, rounded to `digits` after the point."""

    low: float
    high: float
    digits: int

    def check(self, value: Any, where: str) -> float:
        """See `Kind`."""
        if type(value) is float and self.low <= value <= self.high:  # nearly always
            return round(value, self.digits)
        real = isinstance(value, int | float | np.integer | np.floating) and not isinstance(
            value, bool
        )
        # Compared before the conversion, which an int of a thousand digits has not.
        if not real or not self.low <= value <= self.high:
            wrong(where, value, f"a number from {self.low:g} to {self.high:g}")
        return round(float(value), self.digits)

    def row(self, values: Sequence[Any]) -> tuple[float, ...] | None:
        """Return several values as `check` does each; None where one is not plainly right."""
        low, high, digits = self.low, self.high, self.digits
        for value in values:
            if type(value) is not float or not low <= value <= high:
                return None
        return tuple([round(value, digits) for value in values])

    def schema(self) -> Schema:
        """See `Kind`."""
        return {"type": "number", "minimum": self.low, "maximum": self.high}


@dataclass(frozen=True)
class ListOf:
    """A list of `least` to `most` values of one kind; a tuple in the message."""

    item: Kind
    most: int
    least: int = 0

    def check(self, value: Any, where: str) -> tuple[Any, ...]:
        """See `Kind`."""
        given = value.tolist() if isinstance(value, np.ndarray) else value
        self._count(given, where)
        return _each(self.item.check, given, where)

    def dump(self, value: Any) -> Any:
        """See `Kind`."""
        return [self.item.dump(one) for one in value]

    def load(self, value: Any, where: str) -> tuple[Any, ...]:
        """See `Kind`."""
        self._count(value, where)
        if isinstance(self.item, Real) and (row := self.item.row(value)) is not None:
            return row
        return _each(self.item.load, value, where)

    def schema(self) -> Schema:
        """See `Kind`."""
        limits = {"minItems": self.least, "maxItems": self.most}
        return {"type": "array", "items": self.item.schema(), **limits}

    def _count(self, value: Any, where: str) -> None:
        some = type(value) is list or (
            isinstance(value, Sequence) and not isinstance(value, str | bytes)
        )
        if not some or not self.least <= len(value) <= self.most:
            many = str(self.most) if self.least == self.most else f"{self.least} to {self.most}"
            wrong(where, value, f"a list of {many}")


@dataclass(frozen=True)
class Maybe:
    """A value that may be absent: None in the message, no key in JSON."""

    item: Kind

    def check(self, value: Any, where: str) -> Any:
        """See `Kind`."""
        return None if value is None else self.item.check(value, where)

    def dump(self, value: Any) -> Any:
        """See `Kind`."""
        return None if value is None else self.item.dump(value)

    def load(self, value: Any, where: str) -> Any:
        """See `Kind`; null is refused, an absent value has no key."""
        return self.item.load(value, where)

    def schema(self) -> Schema:
        """See `Kind`."""
        return self.item.schema()


@dataclass(frozen=True)
class RecordOf:
    """A dataclass whose fields have kinds."""

    record: type[Any]

    def check(self, value: Any, where: str) -> Any:
        """See `Kind`."""
        if not isinstance(value, self.record):
            wrong(where, value, f"a {self.record.__name__}")
        return value

    def dump(self, value: Any) -> Any:
        """See `Kind`."""
        return dump_record(value)

    def load(self, value: Any, where: str) -> Any:
        """See `Kind`."""
        return load_record(self.record, value, f"{where}.")

    def schema(self) -> Schema:
        """See `Kind`."""
        return record_schema(self.record)


def _each(work: Callable[[Any, str], Any], values: Sequence[Any], where: str) -> tuple[Any, ...]:
    """Check or load all of a list; the names of their places are made only where one is wrong."""
    try:
        return tuple([work(one, where) for one in values])
    except MessageError:
        return tuple([work(one, f"{where}[{at}]") for at, one in enumerate(values)])


def wire(kind: Kind, **default: Any) -> Any:
    """Declare a field of a message."""
    return dataclasses.field(metadata={"kind": kind}, **default)


_KINDS: dict[type[Any], Mapping[str, Kind]] = {}


def kinds_of(record: type[Any]) -> Mapping[str, Kind]:
    """Return the kinds of a dataclass's fields by name."""
    if record not in _KINDS:
        fields = dataclasses.fields(record)
        _KINDS[record] = {item.name: item.metadata["kind"] for item in fields}
    return _KINDS[record]


def check_fields(record: Any) -> None:
    """Check all fields of a frozen dataclass and put them into the form that it keeps."""
    for name, kind in kinds_of(type(record)).items():
        where = f"{type(record).__name__}.{name}"
        object.__setattr__(record, name, kind.check(getattr(record, name), where))


def dump_record(record: Any) -> Schema:
    """Return a record as JSON has it."""
    values = {name: (kind, getattr(record, name)) for name, kind in kinds_of(type(record)).items()}
    return {name: kind.dump(value) for name, (kind, value) in values.items() if value is not None}


def load_record(record: type[Any], data: Any, prefix: str = "") -> Any:
    """Build a record from what came as JSON.

    Where the class has a `check_together`, only that is called, and no constructor.

    Raises:
        MessageError: a key is unknown or missing, or a value does not fit.
    """
    if type(data) is not dict:
        wrong(prefix.rstrip(".") or "message", data, "an object")
    kinds = kinds_of(record)
    if not data.keys() <= kinds.keys():
        unknown = [key for key in data if key not in kinds]
        raise MessageError(
            f"message has an unknown key '{prefix}{shown(unknown[0], str)}'; "
            f"{record.__name__} has {', '.join(kinds)}"
        )
    if len(data) < len(kinds):
        absent = [n for n, kind in kinds.items() if n not in data and not isinstance(kind, Maybe)]
        if absent:
            raise MessageError(
                f"message has no '{prefix}{absent[0]}', which {record.__name__} needs"
            )
    values = {name: kinds[name].load(value, prefix + name) for name, value in data.items()}
    if (check_together := getattr(record, "check_together", None)) is None:
        return record(**values)
    # Each value has just been checked: a constructor would do so again.
    made = object.__new__(record)
    made.__dict__.update(values)
    for name in kinds.keys() - values.keys():
        made.__dict__[name] = None
    check_together(made)
    return made


def record_schema(record: type[Any]) -> Schema:
    """Return the JSON Schema of a record."""
    kinds = kinds_of(record)
    return {
        "type": "object",
        "properties": {name: kind.schema() for name, kind in kinds.items()},
        "required": [name for name, kind in kinds.items() if not isinstance(kind, Maybe)],
        "additionalProperties": False,
    }


def wrong(where: str, value: Any, expected: str) -> NoReturn:
    """Raise the error for a value that does not fit."""
    if isinstance(value, float) and math.isnan(value):
        raise MessageError(f"{where} is not a number: expected {expected}")
    raise MessageError(f"{where} = {_short(value)}: expected {expected}")


def _short(value: Any) -> str:
    """Write a value; a large container only by its size, since all of it would be written first."""
    if isinstance(value, str | bytes | list | tuple | dict) and len(value) > 200:
        return f"a {type(value).__name__} of length {len(value)}"
    if isinstance(value, list | tuple | dict):
        return f"a {type(value).__name__} of {len(value)}"
    return shown(value)
