"""What each configuration key means, read from the `Attributes` of its dataclass.

The docstrings are the only place where keys are explained: `reid-track config`, the help texts of
options and configs/default.yaml all take their words from here.
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
        name: without its section.
        kind: type of its values, such as `float` or `str | None`.
        default: value that it has if nobody sets it.
        meaning: one or more sentences.
        unit: "seconds", "0 to 1" or the like; empty where the meaning says it.
    """

    name: str
    kind: Any
    default: Any
    meaning: str
    unit: str


def keys_of(section: type[Checked]) -> dict[str, ConfigKey]:
    """Return the keys of a configuration class by name, in their order."""
    hints = typing.get_type_hints(section)
    meanings = _attributes(inspect.getdoc(section) or "")
    return {
        item.name: ConfigKey(
            item.name, hints[item.name], item.default, meanings.get(item.name, ""), _unit(item)
        )
        for item in dataclasses.fields(section)
    }


def explained_yaml(config: Checked, head: str = "") -> str:
    """Write a configuration as YAML in which every key is explained where it stands.

    Args:
        config: sections of keys, or the keys of one section.
        head: lines of text that begin the file, as comments.
    """
    lines = [f"# {line}".rstrip() for line in head.splitlines()]
    lines += _lines(config, type(config)())
    return "\n".join(lines) + "\n"


def _lines(config: Checked, default: Checked, indent: str = "") -> Iterator[str]:
    for key in keys_of(type(config)).values():
        value, usual = getattr(config, key.name), getattr(default, key.name)
        if isinstance(value, Checked):
            summary = (inspect.getdoc(value) or "").partition("\n\n")[0]
            yield from _beside(f"{indent}{key.name}:", " ".join(summary.split()))
            yield from _lines(value, usual, f"{indent}  ")
            continue
        notes = [key.unit] if key.unit else []
        if value != usual:
            notes.append(f"default: {_scalar(usual)}")
        note = f"({'; '.join(notes)}) " if notes else ""
        meaning = key.meaning[:1].upper() + key.meaning[1:]
        yield from _beside(f"{indent}{key.name}: {_scalar(value)}", note + meaning)


def _beside(left: str, comment: str) -> Iterator[str]:
    """Set a comment beside a line, and continue it below."""
    parts = textwrap.wrap(comment, _WIDTH - _COLUMN - 2, break_on_hyphens=False) or [""]
    yield f"{left:<{_COLUMN - 1}} # {parts[0]}".rstrip(" #")
    for part in parts[1:]:
        yield f"{'':<{_COLUMN}}# {part}"


def _scalar(value: Any) -> str:
    """Write a value as it stands in YAML, on one line."""
    plain = list(value) if isinstance(value, tuple) else value
    text = dump_yaml(plain, default_flow_style=True, width=math.inf)
    return text.removesuffix("...\n").strip()


def _attributes(docstring: str) -> dict[str, str]:
    """Return the entries of a docstring's `Attributes` by name."""
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
