"""`reid-track config` prints a configuration; configs/default.yaml is its output."""

from __future__ import annotations

from pathlib import Path

import pytest

from reid_tracker.cli.main import main
from reid_tracker.config import Config, load_config
from reid_tracker.resources import shipped


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["config", *words]) == 0
    return capsys.readouterr().out


def test_default_yaml_is_in_step(capsys: pytest.CaptureFixture[str]) -> None:
    """If this fails: reid-track config > configs/default.yaml."""
    text = shipped("configs", "default.yaml").read_text(encoding="utf-8")
    assert text == printed(capsys)


@pytest.mark.parametrize("name", ["fast", "accurate", "rtsp", "edge", "central"])
def test_a_preset_is_spelt_out(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "copy.yaml").write_text(printed(capsys, name))
    assert load_config(tmp_path / "copy.yaml") == load_config(name)


def test_values_defaults_units_and_meanings(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "--set", "tracker.max_age_s=7")
    (line,) = [line for line in text.splitlines() if line.startswith("  max_age_s:")]
    assert "max_age_s: 7.0" in line
    assert "(seconds; default: 2.0) A confirmed track that is not detected" in line


def test_wrong_names_and_keys(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "fasst"]) == 2
    assert "expected a YAML file or one of accurate, central" in capsys.readouterr().err
    assert main(["config", "--set", "tracker.max_age=2"]) == 2
    assert "did you mean 'tracker.max_age_s'" in capsys.readouterr().err
    assert load_config() == Config()
