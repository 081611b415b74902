"""Signals that stop a run: at once, later, or not at all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from reid_tracker.cli import main
from reid_tracker.cli.interrupts import Stopped, StopSignals, hide_lost_stops
from tests.conftest import ROOT
from tests.encode.samples import tiny_onnx

STOPS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.fixture(autouse=True)
def signals_of_a_terminal() -> Iterator[None]:
    """Tests that run in the background or under nohup have ignored signals, which stay ignored."""
    before = [signal.signal(number, signal.SIG_DFL) for number in STOPS]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in zip(STOPS, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.parametrize("number", STOPS)
def test_a_signal_stops_at_once_and_the_earlier_handlers_return(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(Stopped) as caught, StopSignals():
        os.kill(os.getpid(), number)
    assert caught.value.number == number
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("number", STOPS)
def test_a_signal_waits_for_the_end_of_a_write(number: signal.Signals) -> None:
    written = []

    def write(signals: StopSignals) -> None:
        with signals.held():
            os.kill(os.getpid(), number)
            written.append("whole")

    with StopSignals() as signals, pytest.raises(Stopped):
        write(signals)
    assert written == ["whole"]


def test_signals_during_the_close_are_ignored() -> None:
    with StopSignals() as signals:
        signals.ignore()
        for number in STOPS:
            os.kill(os.getpid(), number)
        with signals.held():
            pass


def test_a_signal_whose_exception_was_lost_stops_the_next_write() -> None:
    with StopSignals() as signals:
        with suppress(KeyboardInterrupt):  # as a destructor does, whose exceptions nobody catches
            os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(Stopped), signals.held():
            pass


def test_a_signal_that_a_library_turns_into_an_error_is_said_as_a_signal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(words: object) -> int:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except KeyboardInterrupt:
            raise ImportError("a module failed to import") from None
        return 0

    monkeypatch.setattr(main, "run", run)
    assert main.main(["weights", "list"]) == 143
    assert capsys.readouterr().err == "terminated\n"


def test_only_lost_stops_are_hidden(capsys: pytest.CaptureFixture[str]) -> None:
    class Falls:
        def __init__(self, error: BaseException) -> None:
            self.error = error

        def __del__(self) -> None:
            raise self.error

    sys.unraisablehook, before = hide_lost_stops, sys.unraisablehook
    try:
        Falls(Stopped(signal.SIGTERM))
        assert capsys.readouterr().err == ""
        Falls(ValueError("wrong"))
        assert "ValueError: wrong" in capsys.readouterr().err
    finally:
        sys.unraisablehook = before


def test_what_nohup_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with StopSignals():
            os.kill(os.getpid(), signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


_HANGS_UP = """
import os, sys
from reid_tracker.cli import main
from reid_tracker.cli.interrupts import Stopped, StopSignals, hide_lost_stops
try:
    with StopSignals():
        open(sys.argv[1] + ".ready", "w").close()
        while True:
            pass
except Stopped as stop:
    print("summary", flush=True)  # an error on a terminal that is gone
    open(sys.argv[1], "w").write(str(stop.number))
"""


@pytest.mark.slow
def test_a_closed_terminal_ends_a_run_and_is_written_to_no_more(tmp_path: Path) -> None:
    ours, theirs = os.openpty()
    result = tmp_path / "result"
    process = subprocess.Popen(
        [sys.executable, "-c", _HANGS_UP, result],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    os.close(theirs)
    while not result.with_name("result.ready").exists():
        assert process.poll() is None
    os.close(ours)  # no reader: writes to the terminal fail from now on
    process.send_signal(signal.SIGHUP)
    assert process.wait(60) == 0
    assert result.read_text() == str(int(signal.SIGHUP))


@pytest.mark.slow
def test_a_signal_may_come_after_openvino(tmp_path: Path) -> None:
    """It crashed: OpenVINO leaves a stack for signals that is freed."""
    tiny_onnx(tmp_path / "tiny.onnx", size=(16, 8), features=4)
    code = """
import os, signal
from reid_tracker.cli.interrupts import Stopped, StopSignals
from reid_tracker.cli.main import main
main(["export", "tiny.onnx", "--format", "openvino", "--quiet"])
try:
    with StopSignals():
        os.kill(os.getpid(), signal.SIGINT)
except Stopped:
    print("stopped")
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout.endswith("stopped\n"), (done.returncode, done.stderr)
