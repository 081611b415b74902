"""Reads untrusted YAML in bounded time and memory.

PyYAML's safe loader runs no code, but it follows aliases and recurses as deep as the text is
nested. A short file with nested aliases can thus fill any memory ("billion laughs"). So a first
pass over the parser's events, without recursion, refuses files that are too large or too deep. It
also refuses repeated keys, of which PyYAML would silently take the last.

Scalars follow the core schema of YAML 1.2: 1e-3 is a number, 010 is ten, and 1:30, 1_000, yes and
2026-11-24 are text. YAML 1.1 (PyYAML) would read them as 90, 1000, true and a date.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterator
from typing import Any

MOST_BYTES = 4 * 2**20
"""Maximum size: a topology of ten thousand cameras, with two passages each, takes half of it."""

MOST_LEVELS = 50
MOST_LETTERS = 10_000
"""Maximum length of a value; a number with a million digits would take minutes."""

_MOST_WEIGHT = 2 * MOST_BYTES
"""Maximum letters of all values plus `_NODE` for each value, with aliases expanded."""

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
"""Types of plain scalars in YAML 1.2 (10.3.2): tag, pattern and first letters."""


class YamlLimitError(ValueError):
    """The text is too large or too deeply nested."""


class YamlDuplicateError(ValueError):
    """A mapping gives a key twice.

    Attributes:
        lines: numbers of the two lines, from 1.
    """

    def __init__(self, key: str, first: int, second: int) -> None:
        self.lines = first, second
        super().__init__(f"the key '{key[:100]}' is given in line {first} and in line {second}")


def load_yaml(text: str) -> Any:
    """Return the content of a YAML document: mappings, lists, text, numbers, None.

    Args:
        text: the document.

    Raises:
        YamlLimitError: the text is too large or too deeply nested, also after expanding aliases.
        YamlDuplicateError: a mapping gives a key twice.
        ValueError: the text is not YAML, or has an unknown tag. The message is one line and may
            quote the text.
    """
    import yaml

    if len(text) > MOST_BYTES:
        raise YamlLimitError(f"it has {len(text)} letters, expected at most {MOST_BYTES}")
    loader = _loader()
    try:
        _check(yaml.parse(text, Loader=loader))
        return yaml.load(text, Loader=loader)  # noqa: S506 - derived from a safe loader
    except (YamlLimitError, YamlDuplicateError):
        raise
    except Exception as error:  # tags such as !!bool raise errors of many types
        raise ValueError(" ".join(str(error).split()) or type(error).__name__) from None


def dump_yaml(data: Any, **options: Any) -> str:
    """Return mappings, lists, text and numbers as YAML, for readers of YAML 1.1 and 1.2.

    Args:
        data: the values.
        options: options of `yaml.dump`.
    """
    import yaml

    return str(yaml.dump(data, Dumper=_dumper(), **options))


@functools.cache
def _loader() -> Any:
    """Return a safe loader with the core schema of YAML 1.2."""
    import yaml

    # libyaml is ten times as fast, but not every PyYAML is built with it.
    base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loader: Any = type("Loader", (base,), {"yaml_implicit_resolvers": {}})
    _add_core(loader)
    loader.add_constructor("tag:yaml.org,2002:int", lambda self, node: _int(node.value))
    loader.add_constructor("tag:yaml.org,2002:float", lambda self, node: _float(node.value))
    return loader


@functools.cache
def _dumper() -> Any:
    """Return a safe dumper that quotes text which YAML 1.1 or 1.2 would read as another type."""
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
    """Check the sizes, the depth and the keys of a document from its parser events."""
    import yaml

    weights: dict[str, int] = {}
    # Anchor and weight of the document and of each open list or mapping.
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
                raise YamlLimitError(
                    f"the alias *{str(anchor)[:40]} refers to a value that contains it"
                )
            # For an unknown alias the loader raises an error later.
            weight = weights.get(str(anchor), 0)
        if anchor is not None:
            weights[anchor] = weight
        levels[-1] = levels[-1][0], levels[-1][1] + weight
        if levels[-1][1] > _MOST_WEIGHT:
            raise YamlLimitError("it has too many values, with aliases expanded")


class _Keys:
    """The keys of all open mappings with their lines; None for an open list."""

    def __init__(self) -> None:
        self._levels: list[dict[str, int] | None] = [None]
        self._is_key: list[bool] = [False]

    def follow(self, event: Any) -> None:
        """Process the next event of a document."""
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
        """Process the start of a node in a mapping, which is alternately a key and a value."""
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
