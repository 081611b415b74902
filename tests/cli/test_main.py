"""The list of commands: help in groups, typing errors, lazy loading, other consoles."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from reid_tracker.cli.main import COMMANDS, main, parser_of
from tests.conftest import ROOT, write_detections, write_video

PROGRAM = [sys.executable, "-m", "reid_tracker.cli.program"]


def test_help_lists_all_commands_in_groups(capsys: pytest.CaptureFixture[str]) -> None:
    printed = []
    for words in (["--help"], ["-h"], ["help"]):
        assert main(words) == 0
        printed.append(capsys.readouterr().out)
    assert len(set(printed)) == 1
    lines = printed[0].splitlines()
    for command in COMMANDS:
        assert f"  {command.name:<16}{command.summary}" in lines
        assert command.group in lines
    assert max(map(len, lines)) <= 80


def test_no_word_at_all_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "usage: reid-track SOURCE..." in capsys.readouterr().out


@pytest.mark.parametrize("command", [command.name for command in COMMANDS])
def test_help_of_each_command(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help", command]) == 0
    first = capsys.readouterr().out
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == first
    assert first.startswith(f"usage: reid-track {command}")
    assert parser_of(command).description


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ("serach", "'serach' is neither a command nor a file: did you mean search?"),
        ("galery info", "did you mean gallery?"),
        ("help serach", "there is no command 'serach': did you mean search?"),
        ("hlep", "did you mean help?"),
    ],
)
def test_a_mistyped_command(words: str, hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words.split()) == 2
    assert hint in capsys.readouterr().err


def test_a_file_called_like_a_command_is_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("serach").write_text("no video")
    assert main(["serach"]) == 1
    assert "did you mean" not in capsys.readouterr().err


@pytest.mark.parametrize("words", ["--help", "serach", "completion --help", "config"])
def test_heavy_packages_are_not_loaded(words: str) -> None:
    code = (
        "import sys; from reid_tracker.cli.main import main\n"
        f"try: main({words.split()!r})\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'cv2', 'av', 'numpy', 'scipy', 'ultralytics', 'rich', 'onnxruntime'}\n"
        "print('LOADED', sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False, text=True
    )
    assert "LOADED []" in done.stdout, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_no_console_ends_a_run(encoding: str, tmp_path: Path) -> None:
    """Characters that the console cannot print are escaped."""
    video = write_video(tmp_path / "дверь ☂.mp4", frames=12)
    detections = write_detections(tmp_path / "det.txt", frames=12)
    words = [video, "--detector", detections, "--encoder", "none", "-o", tmp_path / "выход"]
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run(
        [*PROGRAM, *map(str, words)], cwd=ROOT, env=environment, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert b"12 frames in" in done.stdout
    missing = subprocess.run(
        [*PROGRAM, "нет.mp4"], cwd=ROOT, env=environment, capture_output=True, check=False
    )
    assert missing.returncode == 1
    assert missing.stderr.startswith(b"reid-track: error: ")
