"""Options become configuration keys, and a new option needs one place."""

from __future__ import annotations

from pathlib import Path

import pytest

from reid_tracker.cli.main import parser_of
from reid_tracker.cli.options import add_general, add_setting, joined_classes, to_config
from reid_tracker.cli.parser import Parser
from reid_tracker.config import Config
from reid_tracker.errors import WeightsError


def config_of(words: str) -> Config:
    return to_config(parser_of("track").parse(words.split()))


def test_the_recipe_for_a_new_flag(capsys: pytest.CaptureFixture[str]) -> None:
    """CONTRIBUTING: "Add a command-line flag" is one call of `add_setting`."""

    def fill(parser: Parser) -> None:
        add_setting(parser, "--confirm-after", key="tracker.n_init")
        add_general(parser)

    toy = Parser(fill, prog="toy").filled()
    assert to_config(toy.parse(["--confirm-after", "7"])).tracker.n_init == 7
    assert to_config(toy.parse([])) == Config()
    with pytest.raises(SystemExit):
        toy.parse(["--help"])
    printed = " ".join(capsys.readouterr().out.split())
    assert "--confirm-after N number of consecutive detections that confirm a track" in printed


@pytest.mark.parametrize(
    ("words", "classes"),
    [
        ("a.mp4 --classes 0 2", (0, 2)),
        ("a.mp4 --classes person car --conf 0.2", ("person", "car")),
        ("a.mp4 --classes 0,2", (0, 2)),
        ("--classes 0 a.mp4", (0,)),
        ("--classes 0 2 a.mp4", (0, 2)),
    ],
)
def test_classes_with_spaces(words: str, classes: tuple[int | str, ...]) -> None:
    assert config_of(words).detector.classes == classes
    assert parser_of("track").parse(words.split()).sources == ["a.mp4"]


def test_the_last_word_stays_a_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--classes person 0` is the webcam 0, and a file of a class's name is a file."""
    assert joined_classes(["--classes", "person", "0"]) == ["--classes", "person", "0"]
    monkeypatch.chdir(tmp_path)
    Path("car").mkdir()
    words = ["a.mp4", "--classes", "person", "car"]
    assert joined_classes(words) == words


def test_a_bare_number_is_a_cuda_device() -> None:
    config = config_of("a.mp4 --device 0")
    assert (config.detector.device, config.encoder.device) == ("cuda:0", "cuda:0")
    assert config_of("a.mp4 --device mps").encoder.device == "mps"


@pytest.mark.parametrize("line", ["search 1", "train fast", "explain people", "eval-reid people"])
def test_a_bare_number_is_a_cuda_device_for_every_command(line: str) -> None:
    command, *words = line.split()
    assert parser_of(command).parse(words).device == "auto"
    assert parser_of(command).parse([*words, "--device", "1"]).device == "cuda:1"


def test_switches_can_be_negated() -> None:
    assert not config_of("a.mp4 --no-save-video").output.video
    assert not config_of("a.mp4 --no-half").detector.half
    assert config_of("a.mp4 --save").output.video


def test_set_comes_last() -> None:
    assert config_of("a.mp4 --conf 0.2 --set detector.confidence=0.4").detector.confidence == 0.4


def test_a_preset_names_the_command_that_gets_its_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REID_TRACKER_HOME", str(tmp_path))
    with pytest.raises(WeightsError, match="`reid-track weights pull yolo11m`"):
        config_of("a.mp4 --config accurate")
    assert config_of("a.mp4 --config accurate --detector auto").detector.image_size == 1280
    assert config_of("a.mp4 --config fast").video.stride == 2
