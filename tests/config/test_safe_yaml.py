"""YAML read with bounded effort: what is right stays right, and no text takes time or memory."""

from __future__ import annotations

import math
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from reid_tracker.config import parse_override, read_yaml
from reid_tracker.config.safe_yaml import MOST_BYTES, MOST_LEVELS, YamlLimitError, load_yaml
from reid_tracker.errors import ConfigError
from tests.conftest import ROOT

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda items: st.lists(items) | st.dictionaries(st.text(), items),
)


@pytest.mark.slow
@given(PLAIN)
@settings(max_examples=100, deadline=None, derandomize=True)
def test_what_is_written_is_read(data: object) -> None:
    assert load_yaml(yaml.safe_dump(data)) == data


@pytest.mark.parametrize(
    "path", sorted([*ROOT.glob("configs/**/*.yaml"), ROOT / "weights" / "manifest.yaml"])
)
def test_the_project_s_own_files_are_read_as_before(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert load_yaml(text) == yaml.safe_load(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("\ufeffa: 1", {"a": 1}),
        ("a: &x {b: 1}\nc: *x", {"a": {"b": 1}, "c": {"b": 1}}),
        ("a: &x {b: 1}\nd: {<<: *x, e: 2}", {"a": {"b": 1}, "d": {"b": 1, "e": 2}}),
        ("1.0e+999", math.inf),
        ("-.inf", -math.inf),
        ("0x" + "f" * 20, 2**80 - 1),
    ],
)
def test_values(text: str, value: object) -> None:
    assert load_yaml(text) == value


def bomb(levels: int, opening: str = "[", closing: str = "]") -> str:
    """A list of lists of ... whose walk takes 10 ** levels steps."""
    lines = ["l0: &l0 x"]
    lines += [
        f"l{level}: &l{level} {opening}{', '.join([f'*l{level - 1}'] * 10)}{closing}"
        for level in range(1, levels)
    ]
    return "\n".join(lines)


def merges(levels: int) -> str:
    """Mappings that take over those before them, each twice."""
    lines = ["l0: &l0 {a: 1, b: 2}"]
    lines += [
        f"l{level}: &l{level} {{<<: [*l{level - 1}, *l{level - 1}]}}" for level in range(1, levels)
    ]
    return "\n".join(lines)


REFUSED = {
    "bomb": bomb(30),
    "merges": merges(40),
    "long text named often": f"a: &a {'x' * 9000}\nb: [{', '.join(['*a'] * 10_000)}]",
    "within itself": "a: &a [*a]",
    "within itself, twice": "&a [*a, *a]",
    "within itself, as a mapping": "a: &a {b: {c: *a}}",
    "deep": "[" * (MOST_LEVELS + 1) + "]" * (MOST_LEVELS + 1),
    "very deep": "[" * 100_000,
    "deep mappings": "{a: " * 1000,
    "deep by indents": "".join(f"{' ' * level}a:\n" for level in range(900)),
    "sixties": "1" + ":1" * 100_000,
    "a number of a million digits": "1" * 1_000_000,
    "long": "#" * (MOST_BYTES + 1),
    "many": "[" + "a," * 1_000_000 + "]",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", REFUSED)
def test_too_much_is_refused_soon(name: str) -> None:
    before_s = time.process_time()
    with pytest.raises(ValueError, match=r"it has|it is nested|values|value has|stands|nesting"):
        load_yaml(REFUSED[name])
    assert time.process_time() - before_s < 20


@pytest.mark.parametrize(
    "text",
    [
        "a: [",
        "*nobody",
        "a: \0",
        "!!bool maybe",
        "!!python/object/apply:os.system [true]",
        "2026-99-99",
        "? [a]\n: b",
        "a: \ud800",
        "--- a\n--- b",
        "\t",
        "%YAML 9.9\n---\na",
        "1" + ":1" * 400 + ".5",
    ],
)
def test_what_is_no_yaml_is_one_line(text: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is PyYAML's
        load_yaml(text)
    assert not isinstance(caught.value, YamlLimitError)
    assert len(str(caught.value).splitlines()) == 1


def test_a_file_that_is_too_much_is_named(tmp_path: Path) -> None:
    path = tmp_path / "cameras.yaml"
    path.write_text(bomb(30))
    with pytest.raises(ConfigError, match=r"cameras\.yaml is refused: its values"):
        read_yaml(path, secret=True)


def test_no_more_of_a_file_is_read_than_may_be_in_it() -> None:
    endless = Path("/dev/zero")
    if not endless.exists():
        pytest.skip("needs /dev/zero")
    with pytest.raises(ConfigError, match="is refused: it has"):
        read_yaml(endless)


def test_an_override_that_is_too_much_is_named() -> None:
    with pytest.raises(ConfigError, match=r"'detector\.classes': the value is refused: the alias"):
        parse_override("detector.classes=&a [*a]")
