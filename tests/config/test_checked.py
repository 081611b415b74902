"""Checked dataclasses: types and ranges of values, and errors in mappings."""

from __future__ import annotations

import functools
import math
from pathlib import Path
from typing import Any

import pytest

from reid_tracker.config import (
    Config,
    DeepSortConfig,
    DetectorConfig,
    EncoderConfig,
    load_config,
    parse_override,
)
from reid_tracker.config.checked import from_mapping
from tests.config.test_root import (
    FIELDS,
    LIMITED,
    LIMITED_IDS,
    SECTIONS,
    number_type,
    refusal,
    written,
)


@pytest.mark.parametrize(
    ("kind", "given_value", "field", "expected"),
    [
        (DeepSortConfig, {"max_age_s": 2}, "max_age_s", 2.0),
        (DeepSortConfig, {"max_age_s": math.inf}, "max_age_s", math.inf),
        (DetectorConfig, {"classes": "car"}, "classes", ("car",)),
        (DetectorConfig, {"classes": 2}, "classes", (2,)),
        (DetectorConfig, {"classes": []}, "classes", ()),
        (DetectorConfig, {"classes": [0, "car"]}, "classes", (0, "car")),
        (DetectorConfig, {"classes": (0,)}, "classes", (0,)),
        (EncoderConfig, {"half": None}, "half", None),
        (EncoderConfig, {"half": True}, "half", True),
        (EncoderConfig, {"architecture": "osnet_x1_0"}, "architecture", "osnet_x1_0"),
    ],
)
def test_values_take_the_type_of_their_field(
    kind: Any, given_value: dict[str, Any], field: str, expected: Any
) -> None:
    got = getattr(from_mapping(kind, given_value), field)
    assert got == expected
    assert type(got) is type(expected)


@pytest.mark.parametrize(("section", "item"), LIMITED, ids=LIMITED_IDS)
def test_limits_themselves_are_allowed(section: str, item: Any) -> None:
    number = number_type(item)
    for bound in ("low", "high"):
        value = item.metadata[bound]
        if not math.isinf(value) and not (bound == "low" and item.metadata["exclusive"]):
            config = from_mapping(Config, {section: {item.name: number(value)}})
            assert getattr(getattr(config, section), item.name) == value


@pytest.mark.parametrize(("section", "name"), FIELDS)
def test_unknown_key_names_the_nearest(section: str, name: str) -> None:
    parts = (f"unknown key '{section}.{name}x'", f"did you mean '{section}.{name}'?")
    refusal(lambda: from_mapping(Config, {section: {f"{name}x": 1}}), *parts)
    refusal(lambda: load_config(None, {f"{section}.{name}x": 1}), *parts)
    refusal(
        lambda: from_mapping(SECTIONS[section], {f"{name}x": 1}),
        f"'{name}x': did you mean '{name}'?",
    )


def test_a_key_without_its_section_is_found() -> None:
    message = "unknown key 'max_age_s': did you mean 'tracker.max_age_s'?"
    refusal(lambda: load_config(None, {"max_age_s": 3}), message)


@pytest.mark.parametrize("section", SECTIONS)
def test_unknown_section_names_the_nearest(section: str, tmp_path: Path) -> None:
    wrong = section[1:]
    parts = (f"unknown key '{wrong}'", f"did you mean '{section}'?")
    refusal(lambda: from_mapping(Config, {wrong: {}}), *parts)
    refusal(lambda: load_config(written(tmp_path, f"{wrong}: {{}}")), *parts)
    refusal(lambda: load_config(None, {f"{wrong}.anything": 1}), *parts)


@pytest.mark.parametrize("key", ["", "zzzzzz", 1, None, 2.5, True, ("a", "b"), "tracker.n_init"])
def test_unknown_key_like_no_other_lists_the_known(key: Any) -> None:
    message = refusal(lambda: from_mapping(Config, {key: {}}), f"unknown key '{key}'")
    if key != "tracker.n_init":
        assert all(section in message for section in SECTIONS)


@pytest.mark.parametrize(("section", "item"), LIMITED, ids=LIMITED_IDS)
def test_number_out_of_range_is_named(section: str, item: Any) -> None:
    number, low, high = number_type(item), item.metadata["low"], item.metadata["high"]
    wrong = [number(low - 1), number(-(10**9))]
    wrong += [] if math.isinf(high) else [number(high + 1), number(10**9)]
    if item.metadata["exclusive"]:
        wrong.append(number(low))
    if number is float:
        wrong += [math.nan, -math.inf]
    for value in wrong:
        start = f"{section}.{item.name} = {value}: expected a number "
        message = refusal(
            functools.partial(from_mapping, Config, {section: {item.name: value}}), start
        )
        assert f"{low:g}" in message
        assert math.isinf(high) or f"{high:g}" in message
        refusal(functools.partial(load_config, None, {f"{section}.{item.name}": value}), start)
        refusal(
            functools.partial(SECTIONS[section], **{item.name: value}), start[len(section) + 1 :]
        )


@pytest.mark.parametrize("name", ["nominal_rate", "std_weight_position", "std_weight_velocity"])
def test_infinite_noise_or_rate_is_refused(name: str) -> None:
    # all numbers of the filter would be NaN, and the tracker would silently report nothing
    refusal(lambda: from_mapping(Config, {"tracker": {name: math.inf}}), f"tracker.{name} = inf")


WRONG_TYPES: list[tuple[str, Any, str]] = [
    ("tracker.n_init", True, "a whole number"),
    ("tracker.n_init", 3.0, "a whole number"),
    ("tracker.n_init", "3", "a whole number"),
    ("tracker.n_init", None, "a whole number"),
    ("tracker.n_init", [3], "a whole number"),
    ("tracker.n_init", math.nan, "a whole number"),
    ("tracker.max_age_s", False, "a number"),
    ("tracker.max_age_s", "2 seconds", "a number"),
    ("tracker.max_age_s", None, "a number"),
    ("tracker.max_age_s", {"s": 2}, "a number"),
    ("tracker.max_age_s", 2j, "a number"),
    ("output.video", 1, "true or false"),
    ("output.video", "yes please", "true or false"),
    ("output.video", None, "true or false"),
    ("detector.model", 5, "text"),
    ("detector.model", None, "text"),
    ("detector.model", b"yolo11n.pt", "text"),
    ("detector.model", ["yolo11n.pt"], "text"),
    ("detector.classes", None, "a list of"),
    ("detector.classes", True, "text"),
    ("detector.classes", 1.5, "text"),
    ("detector.classes", [1.5], "text"),
    ("detector.classes", [[0]], "text"),
    ("detector.classes", [None], "text"),
    ("detector.classes", {0: 1}, "a list of"),
    ("encoder.half", "auto", "true or false or null"),
    ("encoder.half", 0, "true or false or null"),
    ("encoder.architecture", 1, "text or null"),
    ("encoder.architecture", False, "text or null"),
    ("tracker", 5, "a mapping"),
    ("tracker", "deepsort", "a mapping"),
    ("tracker", ["n_init"], "a mapping"),
    ("tracker", True, "a mapping"),
]


@pytest.mark.parametrize(("key", "value", "expected"), WRONG_TYPES)
def test_wrong_type_is_named_with_its_value(key: str, value: Any, expected: str) -> None:
    section, _, name = key.partition(".")
    data = {section: {name: value}} if name else {section: value}
    shown = value[0] if isinstance(value, list) and name == "classes" else value
    given = "is empty" if shown is None else f"= {shown!r}"
    parts = (f"{key} {given}: expected ", expected)
    refusal(lambda: from_mapping(Config, data), *parts)
    refusal(lambda: load_config(None, {key: value}), *parts)


@pytest.mark.parametrize("data", [None, 5, "tracker", ["tracker"], [("tracker", {})], {"tracker"}])
def test_other_values_than_mappings_are_refused(data: Any) -> None:
    refusal(lambda: from_mapping(Config, data), repr(data), "expected a mapping")


@pytest.mark.parametrize(
    "number", [10**400, -(10**400), 1 << 20_000], ids=["positive", "negative", "unprintable"]
)
@pytest.mark.parametrize(
    "key", ["tracker.max_age_s", "tracker.n_init", "output.video_crf", "tracker", "output.video"]
)
def test_number_too_large_for_any_use_is_refused(number: int, key: str) -> None:
    # 1 << 20_000 has more digits than Python is willing to print
    refusal(lambda: load_config(None, {key: number}), key)


def test_deep_nesting_in_a_mapping_is_refused() -> None:
    deep: list[Any] = []
    for _ in range(50_000):
        deep = [deep]
    refusal(lambda: from_mapping(Config, {"detector": {"classes": deep}}), "detector.classes")


@pytest.mark.parametrize("key", ["two\nlines", "form\x0cfeed", "next\x85line", "para\u2029graph"])
def test_message_stays_one_line_whatever_the_key(key: str, tmp_path: Path) -> None:
    refusal(lambda: from_mapping(Config, {key: 1}), "unknown key")
    refusal(lambda: from_mapping(Config, {"tracker": {key: 1}}), "unknown key")
    refusal(lambda: load_config(None, {f"tracker.{key}.x": 1}), "unknown key")
    refusal(lambda: load_config(None, {"tracker": {"n_init": 3}, f"tracker.n_init.{key}": 1}))
    refusal(lambda: parse_override(key))
    refusal(lambda: parse_override(f"a=[{key}"))
    refusal(lambda: load_config(key), "no configuration")
    refusal(lambda: load_config(written(tmp_path, "- 1", key)))
