"""Wrong configuration files, and dotted overrides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reid_tracker.config import (
    DeepSortConfig,
    load_config,
    parse_override,
)
from tests.config.test_root import (
    refusal,
    written,
)


@pytest.mark.parametrize("name", ["fsat", "", ".", "nothing/here.yaml", "a\0b", "fast.yaml.bak"])
def test_missing_file_lists_the_names_there_are(name: str) -> None:
    message = refusal(lambda: load_config(name), "no configuration", "default", "fast")
    assert repr(name)[1:-1] in message or name in message
    refusal(lambda: load_config(name, kind=DeepSortConfig), "deepsort")


def test_name_too_long_for_a_file_is_refused() -> None:
    refusal(lambda: load_config("n" * 300), "n" * 10)


def test_folder_is_refused(tmp_path: Path) -> None:
    refusal(lambda: load_config(tmp_path), str(tmp_path))


BROKEN: dict[str, str | bytes] = {
    "unclosed list": "tracker: [1, 2",
    "tab": "tracker:\n\tn_init: 3",
    "two documents": "video: {}\n---\nvideo: {}",
    "unknown alias": "tracker: *nothing",
    "unhashable key": "? [1, 2]\n: 3",
    "python object": "detector: !!python/object/apply:os.system ['true']",
    "unknown tag": "detector: !mine 3",
    "a boolean that is none": "detector: !!bool =",
    "impossible date": "detector: !!timestamp 2001-99-99",
    "impossible time": "detector: !!timestamp 2001-01-01 99:99:99",
    "not an int": "detector: !!int foo",
    "no int": 'detector: !!int ""',
    "not a bool": "detector: !!bool foo",
    "not a float": "detector: !!float foo",
    "not a time": "detector: !!timestamp foo",
    "endless int": "detector: " + "1" * 5000,
    "nul": "detector: {model: '\0'}",
    "binary": bytes(range(256)),
    "utf-16": "video: {}".encode("utf-16"),
    "latin-1": "detector: {model: 'caf\xe9'}".encode("latin-1"),
    "png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    "deep list": "detector: " + "[" * 5000,
    "deep mapping": "{detector: " * 5000,
    "deep block": "".join(" " * depth + "a:\n" for depth in range(500)),
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN.keys())
def test_text_that_is_not_yaml_is_refused(content: str | bytes, tmp_path: Path) -> None:
    path = written(tmp_path, content)
    message = refusal(lambda: load_config(path), str(path))
    assert len(message) < 1000


@pytest.mark.parametrize(
    ("content", "kind"),
    [("- tracker", "list"), ("[]", "list"), ("tracker", "str"), ("5", "int"), ("true", "bool")],
)
def test_file_without_mapping_at_the_top_is_refused(
    content: str, kind: str, tmp_path: Path
) -> None:
    path = written(tmp_path, content)
    refusal(lambda: load_config(path), str(path), "expected 'key: value' lines", kind)


@pytest.mark.parametrize(
    "text",
    ["detector: {classes: &a [*a]}", "detector: &a {model: *a}", "&a {detector: *a}"],
)
def test_yaml_that_contains_itself_is_refused(text: str, tmp_path: Path) -> None:
    refusal(
        lambda: load_config(written(tmp_path, text)),
        "the alias *a refers to a value that contains it",
    )


def test_a_key_of_very_many_parts_is_refused() -> None:
    refusal(lambda: load_config(None, {"tracker" + ".x" * 5000: 1}), "'tracker.x.x", "20 parts")


def test_message_about_a_yaml_bomb_stays_short(tmp_path: Path) -> None:
    # a file of 200 bytes whose value has 9**5 items after expanding aliases
    nested = "&a [x, x, x, x, x, x, x, x, x]"
    for name, last in zip("bcde", "abcd", strict=True):
        nested += f", &{name} [{', '.join([f'*{last}'] * 9)}]"
    path = written(tmp_path, f"tracker: {{n_init: [{nested}]}}")
    assert len(refusal(lambda: load_config(path), "tracker.n_init = ")) < 1000


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("tracker.max_age_s=2", "tracker.max_age_s", 2),
        ("tracker.max_age_s=2.5", "tracker.max_age_s", 2.5),
        (" video.stride = 3 ", "video.stride", 3),
        ("output.video=false", "output.video", False),
        ("encoder.half=null", "encoder.half", None),
        ("encoder.half=", "encoder.half", None),
        ("detector.classes=[0, car]", "detector.classes", [0, "car"]),
        ("detector.model=a=b.pt", "detector.model", "a=b.pt"),
        ("detector.model='3'", "detector.model", "3"),
        ("tracker={n_init: 5}", "tracker", {"n_init": 5}),
    ],
)
def test_override_is_split_and_read_as_yaml(text: str, key: str, value: Any) -> None:
    assert parse_override(text) == (key, value)


@pytest.mark.parametrize("text", ["", "=", "=3", "  =3", "tracker.n_init", "tracker.n_init: 3"])
def test_override_without_key_or_value_is_refused(text: str) -> None:
    refusal(lambda: parse_override(text), text.strip(), "expected key=value")


@pytest.mark.parametrize(
    "value",
    [
        "[",
        "{a",
        "*x",
        "!mine 3",
        "a: b: c",
        "\0",
        "!!timestamp 2001-99-99",
        "!!bool foo",
        "!!int x",
        "!!int ''",
    ],
)
def test_override_that_is_not_yaml_is_refused(value: str) -> None:
    start = repr(f"tracker.n_init={value}")[1:10]
    refusal(lambda: parse_override(f"tracker.n_init={value}"), start, "YAML")


@pytest.mark.parametrize("value", ["[" * 5000, "1" * 5000])
def test_override_of_absurd_size_is_refused(value: str) -> None:
    refusal(lambda: parse_override(f"tracker.n_init={value}"), "tracker.n_init")


def test_an_empty_override_is_the_empty_text_where_that_is_the_default() -> None:
    key, value = parse_override("edge.site=")
    assert load_config(None, {key: value}).edge.site == ""
    key, value = parse_override("gallery.address=")
    assert load_config(None, {key: value}).gallery.address is None
    key, value = parse_override("encoder.model=")
    refusal(lambda: load_config(None, {key: value}), "encoder.model is empty: expected text")


@pytest.mark.parametrize(
    ("key", "culprit"),
    [
        ("tracker.n_init.x", "n_init"),
        ("tracker.n_init.x.y", "n_init"),
        ("detector.classes.0", "classes"),
        ("detector.model.name", "model"),
    ],
)
def test_override_below_a_value_is_refused(key: str, culprit: str, tmp_path: Path) -> None:
    path = written(tmp_path, "tracker: {n_init: 5}\ndetector: {model: a.pt, classes: [0]}")
    refusal(lambda: load_config(path, {key: 1}), f"'{key}'", f"'{culprit}' is not a section")
    refusal(lambda: load_config(None, {key: 1}), culprit)


@pytest.mark.parametrize("key", ["", ".", "..", "tracker.", ".n_init", "tracker..n_init", "x.y"])
def test_override_of_an_impossible_key_is_refused(key: str) -> None:
    refusal(lambda: load_config(None, {key: 1}), "unknown key")
