"""Reads untrusted YAML in bounded time and memory.

PyYAML's safe loader runs no code of a file, but follows aliases (a list of lists of lists of one
value, each named ten times, fills any memory when it is walked) and recurses as deep as the text.
So the events of a text are counted first, which needs no recursion, and nothing is built of one
that is too large. The same walk finds keys that are given twice, of which the last would win.

Numbers are those of YAML 1.2's core schema: 1e-3 is one, 010 is ten, and 1:30, 1_000, yes and
2026-11-24 are text, which YAML 1.1 (PyYAML) reads as 90, 1000, true and a date.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterator
from typing import Any

MOST_BYTES = 4 * 2**20
"""Largest text: a topology of ten thousand cameras, with two passages each, takes half of it."""

MOST_LEVELS = 50
MOST_LETTERS = 10_000
"""In one value; a number of a million digits takes minutes."""

_MOST_WEIGHT = 2 * MOST_BYTES
"""Letters of all values, and `_NODE` for each, with aliases written out."""

_NODE = 8


_CORE = (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)"
        r"|\.(?:nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
    ("merge", r"<<", ["<"]),
)
"""What a plain scalar stands for by YAML 1.2 (10.3.2): tag, pattern and first letters."""


class YamlLimitError(ValueError):
    """The text is larger or deeper than it may be."""


class YamlDuplicateError(ValueError):
    """A mapping gives a key twice.

    Attributes:
        lines: where, from 1.
    """

    def __init__(self, key: str, first: int, second: int) -> None:
        self.lines = first, second
        super().__init__(f"the key '{key[:100]}' is given in line {first} and in line {second}")


def load_yaml(text: str) -> Any:
    """Return what a YAML document holds: mappings, lists, text, numbers, dates, None.

    Args:
        text: the document.

    Raises:
        YamlLimitError: it is too long or too deep, or its aliases stand for too much.
        YamlDuplicateError: a mapping gives a key twice.
        ValueError: it is not YAML, or has an unknown tag. The message is one line and may quote the
            text.
    """
    import yaml

    if len(text) > MOST_BYTES:
        raise YamlLimitError(f"it has {len(text)} letters, expected at most {MOST_BYTES}")
    loader = _loader()
    try:
        _check(yaml.parse(text, Loader=loader))
        return yaml.load(text, Loader=loader)  # noqa: S506 - it derives from a safe loader
    except (YamlLimitError, YamlDuplicateError):
        raise
    except Exception as error:  # tags such as !!bool fail with anything
        raise ValueError(" ".join(str(error).split()) or type(error).__name__) from None


def dump_yaml(data: Any, **options: Any) -> str:
    """Write mappings, lists, text and numbers as YAML that any reader takes for the same.

    Args:
        data: what to write.
        options: of `yaml.dump`.
    """
    import yaml

    return str(yaml.dump(data, Dumper=_dumper(), **options))


@functools.cache
def _loader() -> Any:
    """Return a safe loader with the core schema of YAML 1.2."""
    import yaml

    # libyaml is ten times as fast; a PyYAML that was built without it reads the same.
    base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loader: Any = type("Loader", (base,), {"yaml_implicit_resolvers": {}})
    _add_core(loader)
    loader.add_constructor("tag:yaml.org,2002:int", lambda self, node: _int(node.value))
    loader.add_constructor("tag:yaml.org,2002:float", lambda self, node: _float(node.value))
    return loader


@functools.cache
def _dumper() -> Any:
    """Return a safe dumper that quotes all text which YAML 1.1 or 1.2 takes for something else."""
    import yaml

    dumper: Any = type("Dumper", (yaml.SafeDumper,), {})
    _add_core(dumper)
    return dumper


def _add_core(kind: Any) -> None:
    for tag, pattern, first in _CORE:
        kind.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"(?:{pattern})$"), first)


def _int(text: str) -> int:
    return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))


def _float(text: str) -> float:
    found = re.fullmatch(r"([-+]?)\.(inf|nan)", text.lower())
    return math.copysign(float(found[2]), -1 if found[1] == "-" else 1) if found else float(text)


def _check(events: Iterator[Any]) -> None:
    """Walk over the events of a document, weigh what they stand for, and compare keys."""
    import yaml

    weights: dict[str, int] = {}
    # Anchor and weight of each open list or mapping, of the document at the bottom.
    levels: list[tuple[str | None, int]] = [(None, 0)]
    keys = _Keys()
    for event in events:
        keys.follow(event)
        if isinstance(event, yaml.CollectionStartEvent):
            levels.append((event.anchor, _NODE))
            if len(levels) > MOST_LEVELS:
                raise YamlLimitError(f"it is nested deeper than {MOST_LEVELS} levels")
            continue
        anchor, weight = getattr(event, "anchor", None), 0
        if isinstance(event, yaml.CollectionEndEvent):
            anchor, weight = levels.pop()
        elif isinstance(event, yaml.ScalarEvent):
            weight = _weight_of(event.value)
        elif isinstance(event, yaml.AliasEvent):
            if any(name == anchor for name, _ in levels):
                raise YamlLimitError(f"the alias *{str(anchor)[:40]} stands within what it names")
            # One that was never there is an error of the loader.
            weight = weights.get(str(anchor), 0)
        if anchor is not None:
            weights[anchor] = weight
        levels[-1] = levels[-1][0], levels[-1][1] + weight
        if levels[-1][1] > _MOST_WEIGHT:
            raise YamlLimitError("its values, with aliases written out, are too many")


class _Keys:
    """The keys of all open mappings, with their lines; None stands for an open list."""

    def __init__(self) -> None:
        self._levels: list[dict[str, int] | None] = [None]
        self._is_key: list[bool] = [False]

    def follow(self, event: Any) -> None:
        """Take the next event of a document."""
        import yaml

        if isinstance(event, yaml.CollectionEndEvent):
            self._levels.pop()
            self._is_key.pop()
        elif isinstance(event, yaml.NodeEvent):
            if self._levels[-1] is not None:
                self._take(self._levels[-1], event)
            if isinstance(event, yaml.CollectionStartEvent):
                mapping = isinstance(event, yaml.MappingStartEvent)
                self._levels.append({} if mapping else None)
                self._is_key.append(mapping)

    def _take(self, known: dict[str, int], event: Any) -> None:
        """Take the beginning of a node in a mapping: a key and a value in turn."""
        if self._is_key[-1] and (key := getattr(event, "value", None)) is not None:
            line = event.start_mark.line + 1
            if key in known:
                raise YamlDuplicateError(key, known[key], line)
            known[key] = line
        self._is_key[-1] = not self._is_key[-1]


def _weight_of(value: str) -> int:
    if len(value) > MOST_LETTERS:
        raise YamlLimitError(f"a value has more than {MOST_LETTERS} letters")
    return _NODE + len(value)
