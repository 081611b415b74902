"""Configuration: defaults, presets, round trips, and all kinds of errors."""

from __future__ import annotations

import copy
import dataclasses
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
    """Return the one-line text of a ConfigError, which must contain all `parts`."""
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


CHOICES = {"stream_discard": ["old", "new"], "encode": ["auto", "always", "every:2"]}
"""Values of the texts that are not free."""


def values_of(hint: Any, item: Any) -> st.SearchStrategy[Any]:
    """Values that a field accepts, from its type and its declared range."""
    low, high = item.metadata.get("low"), item.metadata.get("high")
    if hint is float:
        above = {"exclude_min": item.metadata["exclusive"], "allow_nan": False}
        return st.floats(low, 1e12 if math.isinf(high) else high, **above)
    if hint is int and low is not None:
        return st.integers(int(low), 2**40 if math.isinf(high) else int(high))
    if item.name in CHOICES:
        return st.sampled_from(CHOICES[item.name])
    if item.name == "labels":
        return st.lists(st.sampled_from(["id", "class", "confidence"]), max_size=3).map(tuple)
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


# --- valid configurations ------------------------------------------------------------------


def test_sections_are_the_documented_ones() -> None:
    hints = typing.get_type_hints(Config)
    assert {item.name: hints[item.name] for item in dataclasses.fields(Config)} == SECTIONS


@pytest.mark.parametrize("kind", KINDS)
def test_defaults_are_valid(kind: Any) -> None:
    assert from_mapping(kind, {}) == kind()
    assert load_config(kind=kind) == kind()
    assert from_mapping(kind, dataclasses.asdict(kind())) == kind()


def number_type(item: Any) -> type:
    """The type of a numeric field, which may be optional."""
    if item.default is not None:
        return type(item.default)
    return int if str(item.type).startswith("int") else float


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
    """All except the recipes in train/ and the brokers in deploy/, which have their own tests."""
    files = (path for path in shipped("configs").rglob("*") if path.is_file())
    return sorted(
        path for path in files if path.parent.name not in {"train", "deploy", "deepstream"}
    )


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


def test_file_in_the_working_directory_is_preferred_to_a_preset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, "video: {stride: 7}", "fast")
    monkeypatch.chdir(tmp_path)
    assert load_config("fast").video.stride == 7


def test_override_replaces_the_value_of_the_file(tmp_path: Path) -> None:
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


def test_override_changes_one_section_of_a_shared_yaml_anchor(tmp_path: Path) -> None:
    path = written(tmp_path, "detector: &shared {device: cpu}\nencoder: *shared\n")
    config: Config = load_config(path, {"detector.device": "cuda"})
    assert (config.detector.device, config.encoder.device) == ("cuda", "cpu")


def test_overrides_are_not_changed() -> None:
    overrides = {"tracker": {"nn_budget": 7}, "tracker.n_init": 6}
    before = copy.deepcopy(overrides)
    load_config(None, overrides)
    assert overrides == before


# --- arbitrary input: only ConfigError may be raised ------------------------------------------

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
