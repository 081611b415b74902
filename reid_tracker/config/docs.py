"""Explanations of configuration keys, taken from the `Attributes` in docstrings of dataclasses.

The docstrings are the only place where keys are explained. `reid-track config`, the help texts of
options and configs/default.yaml are generated from them.
"""

from __future__ import annotations

import dataclasses
import inspect
import math
import re
import textwrap
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from reid_tracker.config.checked import Checked
from reid_tracker.config.safe_yaml import dump_yaml

_UNITS = {"_m_s": "m/s", "_s": "seconds", "_h": "hours", "_m": "metres", "_bytes": "bytes"}
_COLUMN, _WIDTH = 34, 110


@dataclass(frozen=True)
class ConfigKey:
    """One key of a configuration.

    Attributes:
        name: name without the section.
        kind: type of the values, such as `float` or `str | None`.
        default: default value.
        meaning: explanation in one or more sentences.
        unit: unit or range such as "seconds" or "0 to 1"; may be empty.
    """

    name: str
    kind: Any
    default: Any
    meaning: str
    unit: str


def keys_of(section: type[Checked]) -> dict[str, ConfigKey]:
    """Return the keys of a configuration class by name, in the order of its fields."""
    hints = typing.get_type_hints(section)
    meanings = _attributes(inspect.getdoc(section) or "")
    return {
        item.name: ConfigKey(
            item.name, hints[item.name], item.default, meanings.get(item.name, ""), _unit(item)
        )
        for item in dataclasses.fields(section)
    }


def explained_yaml(config: Checked, head: str = "") -> str:
    """Return a configuration as YAML with a comment for every key.

    Args:
        config: a whole configuration or one section.
        head: text that is put at the top as comments.
    """
    lines = [f"# {line}".rstrip() for line in head.splitlines()]
    lines += _lines(config, type(config)())
    return "\n".join(lines) + "\n"


def _lines(config: Checked, default: Checked, indent: str = "") -> Iterator[str]:
    for key in keys_of(type(config)).values():
        value, default_value = getattr(config, key.name), getattr(default, key.name)
        if isinstance(value, Checked):
            summary = (inspect.getdoc(value) or "").partition("\n\n")[0]
            yield from _beside(f"{indent}{key.name}:", " ".join(summary.split()))
            yield from _lines(value, default_value, f"{indent}  ")
            continue
        notes = [key.unit] if key.unit else []
        if value != default_value:
            notes.append(f"default: {_scalar(default_value)}")
        note = f"({'; '.join(notes)}) " if notes else ""
        meaning = key.meaning[:1].upper() + key.meaning[1:]
        yield from _beside(f"{indent}{key.name}: {_scalar(value)}", note + meaning)


def _beside(left: str, comment: str) -> Iterator[str]:
    """Put a comment beside a line, continued on the following lines."""
    parts = textwrap.wrap(comment, _WIDTH - _COLUMN - 2, break_on_hyphens=False) or [""]
    yield f"{left:<{_COLUMN - 1}} # {parts[0]}".rstrip(" #")
    for part in parts[1:]:
        yield f"{'':<{_COLUMN}}# {part}"


def _scalar(value: Any) -> str:
    """Return a value as YAML on one line."""
    plain = list(value) if isinstance(value, tuple) else value
    text = dump_yaml(plain, default_flow_style=True, width=math.inf)
    return text.removesuffix("...\n").strip()


def _attributes(docstring: str) -> dict[str, str]:
    """Return the entries of `Attributes` in a docstring by name."""
    _, _, section = docstring.partition("Attributes:\n")
    entries: dict[str, str] = {}
    name = ""
    for line in section.partition("\n\n")[0].splitlines():
        if found := re.match(r" {4}(\w+): (.*)", line):
            name, entries[found[1]] = found[1], found[2]
        elif name:
            entries[name] += f" {line.strip()}"
    return entries


def _unit(item: dataclasses.Field[Any]) -> str:
    for suffix, unit in _UNITS.items():
        if item.name.endswith(suffix):
            return unit
    low, high = item.metadata.get("low"), item.metadata.get("high", math.inf)
    if low is None or math.isinf(high):
        return ""
    above = "above " if item.metadata["exclusive"] else ""
    return f"{above}{low:g} to {high:g}"
