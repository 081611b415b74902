"""Base class of configurations: checks ranges, and converts from and to nested mappings.

Errors are one line; for an unknown key they suggest the nearest known one.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from reid_tracker.config.safe_yaml import dump_yaml
from reid_tracker.errors import ConfigError

CheckedT = TypeVar("CheckedT", bound="Checked")


def number(default: Any, low: float, high: float = math.inf, *, exclusive: bool = False) -> Any:
    """Declare a field for a number in [low, high], or in (low, high] if `exclusive`."""
    return field(default=default, metadata={"low": low, "high": high, "exclusive": exclusive})


@dataclass(frozen=True)
class Checked:
    """Base of the configuration classes; checks the declared range of every number."""

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            if "low" not in item.metadata or value is None:
                continue
            low, high = item.metadata["low"], item.metadata["high"]
            too_low = value <= low if item.metadata["exclusive"] else value < low
            if too_low or value > high or value != value:  # noqa: PLR0124 - NaN
                bound = f"above {low:g}" if item.metadata["exclusive"] else f"at least {low:g}"
                bound += "" if math.isinf(high) else f" and at most {high:g}"
                raise ConfigError(f"{item.name} = {shown(value)}: expected a number {bound}")


def from_mapping(kind: type[CheckedT], data: Mapping[str, Any], where: str = "") -> CheckedT:
    """Build a configuration dataclass from nested mappings.

    An empty value, as in `--set model.weights=`, means empty text if that is the default.

    Args:
        kind: the dataclass.
        data: values of its fields; missing ones keep their defaults.
        where: dotted prefix for error messages.

    Raises:
        ConfigError: a key is unknown, or a value has the wrong type or range.
    """
    if not isinstance(data, Mapping):
        raise ConfigError(
            f"{where.rstrip('.') or 'configuration'} = {shown(data)}: expected a mapping"
        )
    hints = typing.get_type_hints(kind)
    may_be_empty = {item.name for item in dataclasses.fields(kind) if item.default == ""}
    values = {}
    for key, value in data.items():
        if key not in hints:
            section = where.rpartition(": ")[2]  # without the file that it is in
            raise ConfigError(
                f"unknown key '{where}{shown(key, str)}'{_nearest(section, str(key), hints)}"
            )
        text = "" if value is None and key in may_be_empty else value
        values[key] = _convert(hints[key], text, f"{where}{key}")
    try:
        return kind(**values)
    except ConfigError as error:
        raise ConfigError(f"{where}{error}") from None


def with_options(config: CheckedT, where: str, **options: Any) -> CheckedT:
    """Return a copy of a configuration with those options replaced that are not None.

    Args:
        config: the configuration.
        where: dotted prefix for error messages.
        options: new values by key.

    Raises:
        ConfigError: a value has the wrong type or range.
    """
    given = {key: value for key, value in options.items() if value is not None}
    return from_mapping(type(config), {**dataclasses.asdict(config), **given}, where)


def to_yaml(config: Checked) -> str:
    """Return a configuration as YAML, from which `load_config` makes an equal object."""
    return dump_yaml(_plain(dataclasses.asdict(config)), sort_keys=False)


def shown(value: Any, write: Callable[[Any], str] = repr) -> str:
    """Return a value as one line of limited length, for messages."""
    try:
        text = write(value)
    except (ValueError, RecursionError):  # an int of 5000 digits, a list 10 000 deep
        return f"a {type(value).__name__} too large to print"
    text = " ".join(text.split())
    return text if len(text) <= 200 else f"{text[:100]}...{text[-40:]}"


def _convert(hint: Any, value: Any, where: str) -> Any:
    """Convert a YAML value to the annotated type of the field `where`."""
    if isinstance(hint, type) and issubclass(hint, Checked):
        return from_mapping(hint, value, f"{where}.")
    origin = typing.get_origin(hint)
    if origin in (types.UnionType, typing.Union):
        for option in typing.get_args(hint):
            if option is type(None) and value is None:
                return None
            if option is not type(None) and _matches(option, value):
                return _convert(option, value, where)
    elif origin is tuple:
        items = [value] if isinstance(value, str | int) else value
        if isinstance(items, list | tuple):
            return tuple(_convert(typing.get_args(hint)[0], item, where) for item in items)
    elif _matches(hint, value):
        try:
            return hint(value)
        except OverflowError:
            pass
    given = "is empty" if value is None else f"= {shown(value)}"
    raise ConfigError(f"{where} {given}: expected {_describe(hint)}")


def _matches(hint: Any, value: Any) -> bool:
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        plain = isinstance(value, int) and not isinstance(value, bool)
        return plain and -(2**63) <= value < 2**63
    if isinstance(hint, type) and issubclass(hint, Checked):
        return isinstance(value, Mapping)
    return isinstance(value, hint)


_DESCRIPTIONS = {
    float: "a number",
    int: "a whole number",
    bool: "true or false",
    str: "text",
    type(None): "null",
}


def _describe(hint: Any) -> str:
    if hint in _DESCRIPTIONS:
        return _DESCRIPTIONS[hint]
    if isinstance(hint, type) and issubclass(hint, Checked):
        return "a mapping"
    options = [item for item in typing.get_args(hint) if item is not Ellipsis]
    text = " or ".join(_describe(item) for item in options)
    return f"a list of {text}" if typing.get_origin(hint) is tuple else text


def _nearest(where: str, key: str, hints: Mapping[str, Any]) -> str:
    """Return a hint: the probable key, also if its section is missing, or else all known keys."""
    for section, hint in hints.items():
        if (
            isinstance(hint, type)
            and issubclass(hint, Checked)
            and key in typing.get_type_hints(hint)
        ):
            return f": did you mean '{where}{section}.{key}'?"
    close = difflib.get_close_matches(key, list(hints), n=1, cutoff=0.5)
    return f": did you mean '{where}{close[0]}'?" if close else f"; known: {', '.join(hints)}"


def _plain(value: Any) -> Any:
    """Replace tuples by lists, since the safe YAML dumper refuses tuples."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value
