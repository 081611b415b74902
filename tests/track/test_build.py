"""Trackers from preset names, YAML files and configuration objects."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from reid_tracker.config import DeepSortConfig, load_config
from reid_tracker.config.checked import to_yaml
from reid_tracker.errors import ConfigError
from reid_tracker.resources import shipped
from reid_tracker.track import DeepSort, Tracker, build_tracker


def config_of(tracker: Tracker) -> DeepSortConfig:
    assert isinstance(tracker, DeepSort)
    return tracker.config


def test_the_default_is_the_preset_of_that_name() -> None:
    assert config_of(build_tracker()) == DeepSortConfig()
    assert config_of(build_tracker("default")) == DeepSortConfig()


def test_the_shipped_preset_states_every_default() -> None:
    path = shipped("configs", "trackers", "default.yaml")
    assert load_config("default", kind=DeepSortConfig) == DeepSortConfig()
    assert list(yaml.safe_load(path.read_text())) == list(yaml.safe_load(to_yaml(DeepSortConfig())))


def test_a_preset_differs_from_the_default_in_each_key() -> None:
    path = shipped("configs", "trackers", "fast.yaml")
    config, default = config_of(build_tracker("fast")), DeepSortConfig()
    for key, value in yaml.safe_load(path.read_text()).items():
        assert getattr(config, key) == value != getattr(default, key)


@pytest.mark.parametrize("as_text", [True, False])
def test_a_yaml_file_changes_what_it_names(tmp_path: Path, as_text: bool) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("max_age_s: 5\nn_init: 1\n")
    config = config_of(build_tracker(str(path) if as_text else path))
    assert config == DeepSortConfig(max_age_s=5.0, n_init=1)


def test_a_written_configuration_reads_back(tmp_path: Path) -> None:
    config = DeepSortConfig(max_cosine_distance=0.25, nn_budget=7)
    path = tmp_path / "mine.yaml"
    path.write_text(to_yaml(config))
    assert config_of(build_tracker(path)) == config


def test_a_configuration_object() -> None:
    config = DeepSortConfig(coast_s=0.5)
    assert config_of(build_tracker(config)) is config


def test_keywords_override_the_configuration() -> None:
    assert config_of(build_tracker(max_age_s=3)) == DeepSortConfig(max_age_s=3.0)
    config = DeepSortConfig(coast_s=0.5, n_init=1)
    expected = DeepSortConfig(coast_s=0.5, n_init=4)
    assert config_of(build_tracker(config, n_init=4)) == expected
    with pytest.raises(ConfigError, match=r"unknown key 'max_age': did you mean 'max_age_s'"):
        build_tracker(max_age=3)
    with pytest.raises(ConfigError, match="n_init = 0: expected a number at least 1"):
        build_tracker(n_init=0)


def test_each_call_makes_another_tracker() -> None:
    assert build_tracker() is not build_tracker()


def one_line(call: pytest.ExceptionInfo[ConfigError]) -> str:
    text = str(call.value)
    assert "\n" not in text
    return text


def test_unknown_preset_names_the_known() -> None:
    with pytest.raises(ConfigError) as call:
        build_tracker("deepsrt")
    assert "deepsrt" in one_line(call)
    assert "deepsort" in one_line(call)


@pytest.mark.parametrize(
    ("yaml_text", "expected"),
    [
        ("max_age: 2", "unknown key 'max_age': did you mean 'max_age_s'?"),
        ("max_cosine: 0.2", "did you mean 'max_cosine_distance'?"),
        ("n_init: 0", "n_init = 0: expected a number at least 1"),
        ("n_init: 2.5", "n_init = 2.5: expected a whole number"),
        ("n_init: true", "n_init = True: expected a whole number"),
        ("max_age_s: soon", "max_age_s = 'soon': expected a number"),
        ("max_age_s: .nan", "max_age_s = nan: expected a number at least 0"),
        ("motion_weight: 1.5", "at least 0 and at most 1"),
        ("gate_probability: 1.0", "gate_probability = 1.0: expected a number above 0"),
        ("nominal_rate: 0", "nominal_rate = 0.0: expected a number above 0"),
        ("- a list", "expected 'key: value' lines"),
        ("a: [", "is not YAML"),
    ],
)
def test_a_wrong_file_says_what_is_wrong(tmp_path: Path, yaml_text: str, expected: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml_text)
    with pytest.raises(ConfigError) as call:
        build_tracker(path)
    assert expected in one_line(call)


def test_a_bad_value_in_code_is_the_same_error() -> None:
    with pytest.raises(ConfigError) as call:
        DeepSortConfig(nn_budget=0)
    assert one_line(call) == "nn_budget = 0: expected a number at least 1 and at most 10000"
