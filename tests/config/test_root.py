"""Configuration: defaults, ready-made files, round trips, and every way to get it wrong."""

from __future__ import annotations

import copy
import dataclasses
import functools
import math
import types
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from reid_tracker.config import (
    CentralConfig,
    Config,
    DeepSortConfig,
    DetectorConfig,
    EdgeConfig,
    EncoderConfig,
    GalleryConfig,
    MatchConfig,
    OutputConfig,
    StreamConfig,
    TransportConfig,
    VideoConfig,
    find_config,
    load_config,
    parse_override,
)
from reid_tracker.config.checked import from_mapping, to_yaml
from reid_tracker.errors import ConfigError
from reid_tracker.resources import shipped
from tests.examples import examples

some = settings(max_examples=examples(50), deadline=None, derandomize=True)
many = settings(max_examples=examples(200), deadline=None, derandomize=True)

SECTIONS: dict[str, Any] = {
    "detector": DetectorConfig,
    "encoder": EncoderConfig,
    "tracker": DeepSortConfig,
    "match": MatchConfig,
    "gallery": GalleryConfig,
    "video": VideoConfig,
    "stream": StreamConfig,
    "output": OutputConfig,
    "transport": TransportConfig,
    "edge": EdgeConfig,
    "central": CentralConfig,
}
KINDS: list[Any] = [Config, *SECTIONS.values()]
FIELDS = [
    (section, item.name) for section, kind in SECTIONS.items() for item in dataclasses.fields(kind)
]
LIMITED = [
    (section, item)
    for section, kind in SECTIONS.items()
    for item in dataclasses.fields(kind)
    if "low" in item.metadata
]
LIMITED_IDS = [f"{section}.{item.name}" for section, item in LIMITED]


def refusal(action: Callable[[], object], *parts: str) -> str:
    """Return the one line of a ConfigError, which must hold all `parts`."""
    with pytest.raises(ConfigError) as caught:
        action()
    message = str(caught.value)
    assert len(message.splitlines()) == 1, message
    for part in parts:
        assert part in message
    return message


def written(folder: Path, content: str | bytes, name: str = "given.yaml") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def values_of(hint: Any, item: Any) -> st.SearchStrategy[Any]:
    """Values that a field accepts, from its type and its declared range."""
    low, high = item.metadata.get("low"), item.metadata.get("high")
    if item.name == "stream_discard":
        return st.sampled_from(["old", "new"])
    if hint is float:
        above = {"exclude_min": item.metadata["exclusive"], "allow_nan": False}
        return st.floats(low, 1e12 if math.isinf(high) else high, **above)
    if hint is int and low is not None:
        return st.integers(int(low), 2**40 if math.isinf(high) else int(high))
    plain = {
        int: st.integers(-(2**63), 2**63 - 1),
        str: st.text(),
        bool: st.booleans(),
        types.NoneType: st.none(),
    }
    if hint in plain:
        return plain[hint]
    options = [values_of(option, item) for option in typing.get_args(hint) if option is not ...]
    either = st.one_of(options)
    return st.lists(either, max_size=4).map(tuple) if typing.get_origin(hint) is tuple else either


def configs_of(kind: Any) -> st.SearchStrategy[Any]:
    """Configurations of one class, every value within its range."""
    hints = typing.get_type_hints(kind)
    fields = {
        item.name: configs_of(hints[item.name])
        if hints[item.name] in KINDS
        else values_of(hints[item.name], item)
        for item in dataclasses.fields(kind)
    }
    return st.builds(kind, **fields)


# --- what is right ---------------------------------------------------------------------------


def test_sections_are_the_documented_ones() -> None:
    hints = typing.get_type_hints(Config)
    assert {item.name: hints[item.name] for item in dataclasses.fields(Config)} == SECTIONS


@pytest.mark.parametrize("kind", KINDS)
def test_defaults_are_valid(kind: Any) -> None:
    assert from_mapping(kind, {}) == kind()
    assert load_config(kind=kind) == kind()
    assert from_mapping(kind, dataclasses.asdict(kind())) == kind()


def number_type(item: Any) -> type:
    """The type of a numeric field; the optional ones are floats."""
    return float if item.default is None else type(item.default)


@pytest.mark.parametrize(("section", "item"), LIMITED, ids=LIMITED_IDS)
def test_every_default_is_well_within_its_type(section: str, item: Any) -> None:
    hint = typing.get_type_hints(SECTIONS[section])[item.name]
    assert type(item.default) in {hint, *typing.get_args(hint)}


def test_configurations_cannot_be_changed() -> None:
    config = Config()
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.tracker.n_init = 5  # type: ignore[misc]
    assert hash(config) == hash(Config())


def test_there_are_configs_to_load() -> None:
    names = {path.relative_to(shipped("configs")).as_posix() for path in ready_made()}
    assert {"default.yaml", "trackers/deepsort.yaml"} <= names


def ready_made() -> list[Path]:
    """All but train/ and deploy/, recipes and brokers, which are tested with their rooms."""
    files = (path for path in shipped("configs").rglob("*") if path.is_file())
    return sorted(path for path in files if path.parent.name not in {"train", "deploy"})


@pytest.mark.parametrize("path", ready_made(), ids=lambda path: path.stem)
def test_every_file_in_configs_loads(path: Path) -> None:
    assert path.suffix == ".yaml"
    folder = path.parent.relative_to(shipped("configs")).as_posix()
    kind: Any = {".": Config, "trackers": DeepSortConfig}[folder]
    loaded = load_config(path, kind=kind)
    assert isinstance(loaded, kind)
    assert load_config(path.stem, kind=kind) == loaded
    assert find_config(path.stem, "" if kind is Config else folder) == path


def test_default_yaml_spells_out_every_default() -> None:
    assert load_config("default") == Config()
    assert load_config("default", kind=DeepSortConfig) == DeepSortConfig()
    assert set(yaml_of("default.yaml")) == set(SECTIONS)
    for section, kind in SECTIONS.items():
        names = [item.name for item in dataclasses.fields(kind)]
        assert list(yaml_of("default.yaml")[section]) == names
    assert list(yaml_of("trackers", "default.yaml")) == list(yaml_of("default.yaml")["tracker"])


def yaml_of(*parts: str) -> dict[str, Any]:
    content = yaml.safe_load(shipped("configs", *parts).read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


@pytest.mark.slow
@given(config=configs_of(Config))
@some
def test_yaml_round_trip(config: Config, tmp_path_factory: pytest.TempPathFactory) -> None:
    text = to_yaml(config)
    assert from_mapping(Config, yaml.safe_load(text)) == config
    path = written(tmp_path_factory.getbasetemp(), text, "round_trip.yaml")
    loaded: Config = load_config(path)
    assert loaded == config
    assert to_yaml(loaded) == text


@pytest.mark.parametrize("kind", list(SECTIONS.values()))
@given(data=st.data())
@some
def test_yaml_round_trip_of_a_section(kind: Any, data: st.DataObject) -> None:
    config = data.draw(configs_of(kind))
    assert from_mapping(kind, yaml.safe_load(to_yaml(config))) == config


@pytest.mark.parametrize("text", ["", "# nothing but a remark\n", "---\n", "null\n", "{}\n"])
def test_file_without_keys_means_the_defaults(text: str, tmp_path: Path) -> None:
    assert load_config(written(tmp_path, text)) == Config()


def test_missing_keys_take_their_defaults(tmp_path: Path) -> None:
    path = written(tmp_path, "tracker:\n  n_init: 5\n")
    assert load_config(path) == Config(tracker=DeepSortConfig(n_init=5))
    assert load_config(str(path)) == load_config(path)


def test_file_in_the_working_directory_goes_before_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, "video: {stride: 7}", "fast")
    monkeypatch.chdir(tmp_path)
    assert load_config("fast").video.stride == 7


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


# --- what is wrong in a mapping --------------------------------------------------------------


@pytest.mark.parametrize(("section", "name"), FIELDS)
def test_unknown_key_names_the_nearest(section: str, name: str) -> None:
    parts = (f"unknown key '{section}.{name}x'", f"did you mean '{name}'?")
    refusal(lambda: from_mapping(Config, {section: {f"{name}x": 1}}), *parts)
    refusal(lambda: load_config(None, {f"{section}.{name}x": 1}), *parts)
    refusal(lambda: from_mapping(SECTIONS[section], {f"{name}x": 1}), f"'{name}x'", *parts[1:])


def test_a_key_without_its_section_is_found() -> None:
    message = "unknown key 'max_age_s': did you mean 'tracker.max_age_s'?"
    refusal(lambda: load_config(None, {"max_age_s": 3}), message)


@pytest.mark.parametrize("section", SECTIONS)
def test_unknown_section_names_the_nearest(section: str, tmp_path: Path) -> None:
    wrong = section[:-1]
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
    # the filter's numbers would all be NaN: the tracker would report nothing, without an error
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
def test_what_is_no_mapping_is_refused(data: Any) -> None:
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


# --- what is wrong with a file ---------------------------------------------------------------


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
def test_what_is_no_yaml_is_refused(content: str | bytes, tmp_path: Path) -> None:
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
    refusal(lambda: load_config(written(tmp_path, text)), "the alias *a stands within")


def test_a_key_of_very_many_parts_is_refused() -> None:
    refusal(lambda: load_config(None, {"tracker" + ".x" * 5000: 1}), "'tracker.x.x", "20 parts")


def test_message_about_a_yaml_bomb_stays_short(tmp_path: Path) -> None:
    # a file of 200 bytes, whose value written out has 9**5 items
    nested = "&a [x, x, x, x, x, x, x, x, x]"
    for name, last in zip("bcde", "abcd", strict=True):
        nested += f", &{name} [{', '.join([f'*{last}'] * 9)}]"
    path = written(tmp_path, f"tracker: {{n_init: [{nested}]}}")
    assert len(refusal(lambda: load_config(path), "tracker.n_init = ")) < 1000


# --- overrides -------------------------------------------------------------------------------


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
def test_override_that_is_no_yaml_is_refused(value: str) -> None:
    start = repr(f"tracker.n_init={value}")[1:10]
    refusal(lambda: parse_override(f"tracker.n_init={value}"), start, "YAML")


@pytest.mark.parametrize("value", ["[" * 5000, "1" * 5000])
def test_override_of_absurd_size_is_refused(value: str) -> None:
    refusal(lambda: parse_override(f"tracker.n_init={value}"), "tracker.n_init=")


def test_an_empty_override_is_the_empty_text_where_that_is_the_default() -> None:
    key, value = parse_override("edge.site=")
    assert load_config(None, {key: value}).edge.site == ""
    key, value = parse_override("gallery.address=")
    assert load_config(None, {key: value}).gallery.address is None
    key, value = parse_override("encoder.model=")
    refusal(lambda: load_config(None, {key: value}), "encoder.model is empty: expected text")


def test_override_goes_over_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "tracker: {n_init: 5, nn_budget: 7}")
    config: Config = load_config(path, {"tracker.n_init": 6, "video.stride": 2})
    assert config.tracker == DeepSortConfig(n_init=6, nn_budget=7)
    assert config.video == VideoConfig(stride=2)


def test_override_creates_sections_and_replaces_them() -> None:
    assert load_config(None, {"tracker.n_init": 6}).tracker.n_init == 6
    config: Config = load_config(None, {"tracker.n_init": 6, "tracker": {"nn_budget": 7}})
    assert config.tracker == DeepSortConfig(nn_budget=7)
    config = load_config(None, {"tracker": {"nn_budget": 7}, "tracker.n_init": 6})
    assert config.tracker == DeepSortConfig(nn_budget=7, n_init=6)


def test_override_of_a_tracker_file_has_no_section() -> None:
    assert load_config("default", {"n_init": 6}, kind=DeepSortConfig) == DeepSortConfig(n_init=6)


@pytest.mark.parametrize(
    ("key", "culprit"),
    [
        ("tracker.n_init.x", "n_init"),
        ("tracker.n_init.x.y", "n_init"),
        ("detector.classes.0", "classes"),
        ("detector.model.name", "model"),
    ],
)
def test_override_through_what_is_no_section_is_refused(
    key: str, culprit: str, tmp_path: Path
) -> None:
    path = written(tmp_path, "tracker: {n_init: 5}\ndetector: {model: a.pt, classes: [0]}")
    refusal(lambda: load_config(path, {key: 1}), f"'{key}'", f"'{culprit}' is not a section")
    refusal(lambda: load_config(None, {key: 1}), culprit)


@pytest.mark.parametrize("key", ["", ".", "..", "tracker.", ".n_init", "tracker..n_init", "x.y"])
def test_override_of_an_impossible_key_is_refused(key: str) -> None:
    refusal(lambda: load_config(None, {key: 1}), "unknown key")


def test_overrides_are_not_changed() -> None:
    overrides = {"tracker": {"nn_budget": 7}, "tracker.n_init": 6}
    before = copy.deepcopy(overrides)
    load_config(None, overrides)
    assert overrides == before


def test_override_reaches_one_section_also_where_yaml_shares_them(tmp_path: Path) -> None:
    path = written(tmp_path, "detector: &shared {device: cpu}\nencoder: *shared\n")
    config: Config = load_config(path, {"detector.device": "cuda"})
    assert (config.detector.device, config.encoder.device) == ("cuda", "cpu")


# --- anything at all: only ConfigError may come out ------------------------------------------

keys = st.sampled_from([*SECTIONS, *{name for _, name in FIELDS}]) | st.text(max_size=8)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.binary(max_size=4)
    | st.dates()
)
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys | scalars, inner, max_size=3),
    max_leaves=12,
)
mappings = st.fixed_dictionaries(
    {},
    optional={
        section: st.dictionaries(
            st.sampled_from([item.name for item in dataclasses.fields(kind)]) | keys,
            trees,
            max_size=3,
        )
        | trees
        for section, kind in SECTIONS.items()
    },
)


def accepts_or_refuses(action: Callable[[], object]) -> None:
    message = "one line"
    try:
        assert isinstance(action(), Config)
    except ConfigError as error:
        message = str(error)
    assert len(message.splitlines()) == 1, message


@given(trees | mappings)
@many
def test_any_mapping(data: Any) -> None:
    accepts_or_refuses(lambda: from_mapping(Config, data))


@given(mappings, st.dictionaries(st.lists(keys, max_size=3).map(".".join), trees, max_size=3))
@some
def test_any_override(data: Mapping[str, Any], overrides: dict[str, Any]) -> None:
    accepts_or_refuses(lambda: load_config(None, {**data, **overrides}))


@pytest.mark.slow
@given(
    content=st.binary(max_size=60)
    | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass"))
    | mappings.map(lambda data: yaml.safe_dump(data).encode())
)
@many
def test_any_file(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = written(tmp_path_factory.getbasetemp(), content, "any.yaml")
    accepts_or_refuses(lambda: load_config(path))


@pytest.mark.slow
@given(data=st.data())
@many
def test_any_damage_to_a_good_file(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    good = shipped("configs", "default.yaml").read_bytes()
    start = data.draw(st.integers(0, len(good)))
    end = data.draw(st.integers(start, min(start + 40, len(good))))
    noise = data.draw(st.binary(max_size=6) | st.sampled_from([b"*", b"&a", b"<<: ", b"!!int "]))
    path = written(tmp_path_factory.getbasetemp(), good[:start] + noise + good[end:], "damaged")
    accepts_or_refuses(lambda: load_config(path))


@given(st.text(max_size=20) | st.lists(keys, max_size=3).map(".".join).map("{}=[".format))
@many
def test_any_override_text(text: str) -> None:
    message = "one line"
    try:
        key, _ = parse_override(text)
        assert text.strip().startswith(key)
    except ConfigError as error:
        message = str(error)
    assert len(message.splitlines()) == 1, message
