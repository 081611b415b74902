"""Progress with and without a terminal."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from reid_tracker.cli.report import Report, Steps, describe_cameras, new_file, write_text
from reid_tracker.errors import OutputError
from reid_tracker.run.profile import ThreadUse
from reid_tracker.types import SourceState, SourceStatus


class Watched:
    """Standard error that reports written lines."""

    encoding = "utf-8"

    def __init__(self, *, terminal: bool = False) -> None:
        self.text, self.terminal, self.line = "", terminal, threading.Event()

    def isatty(self) -> bool:
        return self.terminal

    def write(self, text: str) -> int:
        self.text += text
        if "\n" in text:
            self.line.set()
        return len(text)

    def flush(self) -> None:
        pass


def test_without_a_terminal_it_is_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", watched := Watched())
    with Steps("tracking", 8, note=lambda: "31.5 frames/s", every_s=0.01) as steps:
        steps.advance(3)
        assert watched.line.wait(30)
    assert watched.text.splitlines()[0] == "tracking: 3/8, 31.5 frames/s"
    assert "\x1b" not in watched.text


def test_short_work_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with Steps("tracking", 8) as steps:
        for _ in range(8):
            steps.advance()
    with Steps("tracking", 8, quiet=True, every_s=0.0) as steps:
        steps.advance()
        steps.print("epoch 1")
    assert capsys.readouterr().err == ""


def test_on_a_terminal_it_is_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", watched := Watched(terminal=True))
    monkeypatch.setenv("TERM", "xterm")
    with Steps("tracking", note=lambda: "31.5 frames/s") as steps:
        steps.reach(3, 8)
        steps.print("epoch 1")
    assert "3/8, 31.5 frames/s" in watched.text
    assert "epoch 1" in watched.text
    assert "\x1b" in watched.text


def status(camera: str, state: SourceState) -> SourceStatus:
    return SourceStatus(camera=camera, state=state, since_s=4.0)


def test_cameras_in_a_few_words() -> None:
    cameras = [status("door", SourceState.LIVE)]
    cameras += [status(f"c{number}", SourceState.STALLED) for number in range(5)]
    text = describe_cameras(cameras)
    assert text.startswith("1 live, c0 stalled 4 s, c1 stalled 4 s, c2 stalled 4 s")
    assert text.endswith("2 more not live")


def test_a_new_file_replaces_nothing_unasked(tmp_path: Path) -> None:
    assert new_file(None, overwrite=False) is None
    path = tmp_path / "scores.json"
    assert new_file(str(path), overwrite=False) == path
    write_text(path, "{}")
    with pytest.raises(OutputError, match="add --overwrite to replace it"):
        new_file(str(path), overwrite=False)
    assert new_file(str(path), overwrite=True) == path
    with pytest.raises(OutputError, match="does not exist"):
        new_file(str(tmp_path / "nowhere" / "scores.json"), overwrite=False)
    with pytest.raises(OutputError, match="cannot write"):
        write_text(tmp_path, "{}")


def test_advice_stands_before_the_results_and_not_with_quiet(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for quiet in (False, True):
        Report(quiet=quiet).finish({}, tmp_path, (3, 12), "better: reid-track weights pull one two")
        lines = capsys.readouterr().out.splitlines()
        better = "better: reid-track weights pull one two"
        assert lines[-3:] == (
            [] if quiet else ["3 of 12 boxes encoded (25 %)", better, f"results: {tmp_path}"]
        )


def test_the_threads_of_a_profile_are_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    threads = [ThreadUse("detect", 12.34, 0.5, 0.0, 0.25), ThreadUse("write", 1.0, 11.8, 0.0, 0.0)]
    for quiet in (False, True):
        Report(quiet=quiet).show_threads(threads)
        lines = [line.split() for line in capsys.readouterr().out.splitlines()]
        assert lines[1:] == (
            []
            if quiet
            else [["detect", "12.3", "0.5", "0.0", "0.2"], ["write", "1.0", "11.8", "0.0", "0.0"]]
        )
