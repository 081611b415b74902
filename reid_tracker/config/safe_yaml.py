"""Reads untrusted YAML in bounded time and memory.

PyYAML's safe loader runs no code of a file, but follows aliases (a list of lists of lists of one
value, each named ten times, fills any memory when it is walked) and recurses as deep as the text.
So the events of a text are counted first, which needs no recursion, and nothing is built of one
that is too large.
"""

from __future__ import annotations

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


class YamlLimitError(ValueError):
    """The text is larger or deeper than it may be."""


def load_yaml(text: str) -> Any:
    """Return what a YAML document holds: mappings, lists, text, numbers, dates, None.

    Args:
        text: the document.

    Raises:
        YamlLimitError: it is too long or too deep, or its aliases stand for too much.
        ValueError: it is not YAML, or has an unknown tag. The message is one line and may quote the
            text.
    """
    import yaml

    if len(text) > MOST_BYTES:
        raise YamlLimitError(f"it has {len(text)} letters, expected at most {MOST_BYTES}")
    # libyaml is ten times as fast; a PyYAML that was built without it reads the same.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _check(yaml.parse(text, Loader=loader))
        return yaml.load(text, Loader=loader)  # noqa: S506 - both are safe loaders
    except YamlLimitError:
        raise
    except Exception as error:  # tags such as !!bool fail with anything
        raise ValueError(" ".join(str(error).split()) or type(error).__name__) from None


def _check(events: Iterator[Any]) -> None:
    """Walk over the events of a document and weigh what they stand for.

    Raises:
        YamlLimitError: it is too much.
    """
    import yaml

    weights: dict[str, int] = {}
    # Anchor and weight of each open list or mapping, of the document at the bottom.
    levels: list[tuple[str | None, int]] = [(None, 0)]
    for event in events:
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


def _weight_of(value: str) -> int:
    if len(value) > MOST_LETTERS:
        raise YamlLimitError(f"a value has more than {MOST_LETTERS} letters")
    return _NODE + len(value)
