"""YAML is read with bounded time and memory, and valid files keep their meaning."""

from __future__ import annotations

import math
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from reid_tracker.config import load_config, parse_override, read_yaml
from reid_tracker.config.safe_yaml import (
    MOST_BYTES,
    MOST_LEVELS,
    YamlDuplicateError,
    YamlLimitError,
    dump_yaml,
    load_yaml,
)
from reid_tracker.errors import ConfigError
from tests.conftest import ROOT
from tests.examples import examples

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda items: st.lists(items) | st.dictionaries(st.text(), items),
)


@pytest.mark.slow
@given(PLAIN)
@settings(max_examples=examples(100), deadline=None, derandomize=True)
def test_written_yaml_is_read_back(data: object) -> None:
    assert load_yaml(dump_yaml(data)) == data


@pytest.mark.parametrize(
    "path", sorted([*ROOT.glob("configs/**/*.yaml"), ROOT / "weights" / "manifest.yaml"])
)
def test_the_projects_own_files_are_read_as_by_pyyaml(path: Path) -> None:
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
        ("0o17", 15),
        ("1e-3", 0.001),
        ("5e-4", 0.0005),
        ("1e1", 10.0),
        ("+1.5E+2", 150.0),
        ("-.5", -0.5),
        ("010", 10),
        ("-007", -7),
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        ("0b11", "0b11"),
        ("2026-11-24", "2026-11-24"),
        ("2026-11-24T18:30:00Z", "2026-11-24T18:30:00Z"),
        ("yes", "yes"),
        ("No", "No"),
        ("on", "on"),
        ("OFF", "OFF"),
        ("y", "y"),
        ("True", True),
        ("FALSE", False),
        ("NULL", None),
        ("'1e3'", "1e3"),
        ("!!int 010", 10),
        ("!!float 1", 1.0),
        ("1.2.3", "1.2.3"),
        ("=", "="),
        ("0755x", "0755x"),
    ],
)
def test_values(text: str, value: object) -> None:
    found = load_yaml(text)
    assert found == value
    assert type(found) is type(value)


def test_not_a_number() -> None:
    assert math.isnan(load_yaml(".NaN"))


@pytest.mark.parametrize("text", ["1e-3", "5e-4", "0o17", "010", "1:30", "yes", "2026-11-24", "~"])
def test_text_that_looks_like_something_else_is_quoted(text: str) -> None:
    written = dump_yaml({"key": text})
    assert load_yaml(written) == yaml.safe_load(written) == {"key": text}


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a: 1\nb: 2\na: 3\n", (1, 3)),
        ("a: {b: 1, b: 2}", (1, 1)),
        ("list:\n- x: 1\n  y: 2\n  'x': 1\n", (2, 4)),
        ("a:\n  b: [1]\n  c: {d: 1}\n\n  b: 2\n", (2, 5)),
        ("? a\n: 1\n? a\n: 2\n", (1, 3)),
        ("a: &x {b: 1}\nd:\n  <<: *x\n  e: 1\n  <<: *x\n", (3, 5)),
        ("1: a\n1: b\n", (1, 2)),
    ],
)
def test_a_key_given_twice_is_refused_with_both_lines(text: str, lines: tuple[int, int]) -> None:
    with pytest.raises(YamlDuplicateError, match=rf"in line {lines[0]} and in line {lines[1]}"):
        load_yaml(text)


def test_equal_keys_of_different_mappings_and_values_like_keys_stay() -> None:
    text = "a: {x: a, y: a}\nb: {x: [x, x, {x: x}]}\nc: &c {x: 1}\nd: {<<: *c, x: 2}\n"
    assert load_yaml(text)["d"] == {"x": 2}


def test_files_and_overrides_name_the_key_that_is_given_twice(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text("tracker:\n  max_age_s: 5\nmatch:\n  tight: 0.2\ntracker:\n  n_init: 2\n")
    with pytest.raises(ConfigError, match=r"site\.yaml: the key 'tracker' is given in line 1 and "):
        load_config(path)
    with pytest.raises(ConfigError) as caught:
        read_yaml(path, secret=True)
    assert "tracker" not in str(caught.value)
    assert "in line 1 and in line 5" in str(caught.value)
    with pytest.raises(ConfigError, match="the key 'n_init' is given in line 1 and in line 1"):
        parse_override("tracker={n_init: 1, n_init: 2}")


def test_numbers_and_switches_of_a_configuration(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_bytes("\ufefftracker: {max_age_s: 1e1, n_init: 010, coast_s: 5e-4}\n".encode())
    tracker = load_config(path).tracker
    assert (tracker.max_age_s, tracker.n_init, tracker.coast_s) == (10.0, 10, 0.0005)
    for text, expected in (
        ("match.enabled=yes", r"match\.enabled = 'yes': expected true or false"),
        ("tracker.max_age_s=1:30", r"tracker\.max_age_s = '1:30': expected a number"),
    ):
        key, value = parse_override(text)
        with pytest.raises(ConfigError, match=expected):
            load_config(None, {key: value})
    key, value = parse_override("gallery.start_time=2026-11-24T18:30:00")
    assert load_config(None, {key: value}).gallery.start_time == "2026-11-24T18:30:00"


def bomb(levels: int, opening: str = "[", closing: str = "]") -> str:
    """Nested lists of aliases with 10 ** levels items."""
    lines = ["l0: &l0 x"]
    lines += [
        f"l{level}: &l{level} {opening}{', '.join([f'*l{level - 1}'] * 10)}{closing}"
        for level in range(1, levels)
    ]
    return "\n".join(lines)


def merges(levels: int) -> str:
    """Mappings that each merge the previous one twice."""
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
def test_too_large_yaml_is_refused_quickly(name: str) -> None:
    before_s = time.process_time()
    with pytest.raises(ValueError, match=r"it has|it is nested|values|value has|refers|nesting"):
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
        "? [a]\n: b",
        "a: \ud800",
        "--- a\n--- b",
        "\t",
        "%YAML 9.9\n---\na",
    ],
)
def test_errors_for_text_that_is_not_yaml_are_one_line(text: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is PyYAML's
        load_yaml(text)
    assert not isinstance(caught.value, YamlLimitError)
    assert len(str(caught.value).splitlines()) == 1


def test_a_file_that_is_too_large_is_named(tmp_path: Path) -> None:
    path = tmp_path / "cameras.yaml"
    path.write_text(bomb(30))
    with pytest.raises(ConfigError, match=r"cameras\.yaml is refused: it has too many values"):
        read_yaml(path, secret=True)


def test_no_more_than_the_limit_is_read_of_a_file() -> None:
    endless = Path("/dev/zero")
    if not endless.exists():
        pytest.skip("needs /dev/zero")
    with pytest.raises(ConfigError, match="is refused: it has"):
        read_yaml(endless)


def test_an_override_that_is_too_large_is_named() -> None:
    with pytest.raises(ConfigError, match=r"'detector\.classes': the value is refused: the alias"):
        parse_override("detector.classes=&a [*a]")
