"""The explanations of configuration keys are complete and equal to configs/default.yaml."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from reid_tracker.config import Config, DeepSortConfig, load_config, read_yaml
from reid_tracker.config.checked import Checked, number
from reid_tracker.config.docs import explained_yaml, keys_of


@dataclass(frozen=True)
class Oven(Checked):
    """Settings of an oven.

    Attributes:
        bake_s: how long it bakes; 0 does not
            bake at all.
        door: open or closed.
        heat: part of full power.
    """

    bake_s: float = number(5.0, 0.0)
    door: str = "open"
    heat: float = number(0.5, 0.0, 1.0, exclusive=True)


def test_keys_have_meaning_unit_type_and_default() -> None:
    keys = keys_of(Oven)
    assert list(keys) == ["bake_s", "door", "heat"]
    assert keys["bake_s"].meaning == "how long it bakes; 0 does not bake at all."
    assert [key.unit for key in keys.values()] == ["seconds", "", "above 0 to 1"]
    assert (keys["door"].kind, keys["door"].default) == (str, "open")


def test_yaml_shows_the_default_if_the_value_differs() -> None:
    text = explained_yaml(Oven(door="closed"), "An oven.")
    assert text.splitlines() == [
        "# An oven.",
        "bake_s: 5.0                       # (seconds) How long it bakes; 0 does not bake at all.",
        "door: closed                      # (default: open) Open or closed.",
        "heat: 0.5                         # (above 0 to 1) Part of full power.",
    ]


@pytest.mark.parametrize("section", [item.name for item in dataclasses.fields(Config)])
def test_every_key_is_explained(section: str) -> None:
    for key in keys_of(type(getattr(Config(), section))).values():
        assert key.meaning.endswith((".", "...")), f"{section}.{key.name} is not explained"


def test_explained_yaml_is_read_back(tmp_path: Path) -> None:
    config = replace(Config(), tracker=DeepSortConfig(max_age_s=7.5, nn_budget=3))
    (tmp_path / "mine.yaml").write_text(explained_yaml(config))
    assert load_config(tmp_path / "mine.yaml") == config
    assert set(read_yaml(tmp_path / "mine.yaml")) == set(keys_of(Config))
