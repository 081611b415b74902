"""The program as a process: signals at every moment of its start, and its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, write_video
from tests.transport.servers import free_port
from tests.waiting import PATIENCE_S

STOPS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated", signal.SIGHUP: "hung up"}

# The audit event of Python at which the signal is sent: an import, or the opening of a file.
_STOPPED_AT = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # tests may run where it is ignored
for other in (signal.SIGTERM, signal.SIGHUP):
    signal.signal(other, signal.SIG_DFL)
event, name, number, *words = sys.argv[1:]
def watch(what, given):
    global event
    if what == event and given and str(given[0]).endswith(name):
        event = "over"
        os.kill(os.getpid(), int(number))
sys.addaudithook(watch)
from reid_tracker.cli.program import program
sys.argv = ["reid-track", *words]
program()
"""


def stopped_at(event: str, name: str, number: int, *words: object) -> tuple[int, list[str]]:
    """Return the exit code and the output if a signal comes at a moment of the start."""
    done = subprocess.run(
        [sys.executable, "-c", _STOPPED_AT, event, name, str(int(number)), *map(str, words)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    return done.returncode, done.stderr.splitlines()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("event", "name", "number"),
    [
        ("import", "reid_tracker.cli.main", signal.SIGINT),
        ("import", "argparse", signal.SIGTERM),
        ("import", "reid_tracker.run.tracking", signal.SIGHUP),
        ("import", "numpy", signal.SIGINT),
        ("import", "numpy._core.multiarray", signal.SIGTERM),
        ("import", "cv2", signal.SIGHUP),
        ("import", "av", signal.SIGINT),
        ("import", "torch", signal.SIGTERM),
        ("import", "ultralytics", signal.SIGHUP),
        ("import", "openvino", signal.SIGINT),
        ("open", ".onnx", signal.SIGTERM),
        ("open", "short.txt", signal.SIGHUP),
        ("open", "short.jsonl", signal.SIGINT),
    ],
)
def test_a_signal_before_the_first_frame(
    tmp_path: Path, event: str, name: str, number: signal.Signals
) -> None:
    clip = write_video(tmp_path / "short.mp4", frames=5)
    output = tmp_path / "runs" / "short"
    code, said = stopped_at(event, name, number, clip, "-o", output)
    assert (code, said) == (128 + number, [STOPS[number]])
    assert not (tmp_path / "runs").exists() or all(
        path.suffix in {".mp4", ".txt", ".jsonl"} for path in output.iterdir()
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("event", "name", "number"),
    [
        ("import", "reid_tracker.edge.run", signal.SIGHUP),
        ("sqlite3.connect", "spool.sqlite", signal.SIGTERM),
        ("import", "nats", signal.SIGINT),
        ("open", "short.jsonl", signal.SIGHUP),
    ],
)
def test_a_signal_before_a_camera_host_runs(
    tmp_path: Path, event: str, name: str, number: signal.Signals
) -> None:
    clip = write_video(tmp_path / "short.mp4", frames=5)
    spool = tmp_path / "spool.sqlite"
    words = ["--broker", f"nats://127.0.0.1:{free_port()}", "--site", "hall", "--spool", spool]
    code, said = stopped_at(event, name, number, "edge", clip, *words, "-o", tmp_path / "out")
    assert (code, said[-1]) == (128 + number, STOPS[number])
    assert not [line for line in said if "Traceback" in line or "error" in line]


@pytest.mark.parametrize(("thread", "cleaned"), [("True", ""), ("None", "cleaned up")])
def test_a_program_does_not_wait_for_a_frozen_camera(thread: str, cleaned: str) -> None:
    """Python's own clean-up would crash around a thread that FFmpeg still holds."""
    code = f"""
import atexit, threading
from reid_tracker.cli import main, program
def stays():
    print("closed", end=" ")
    if {thread}:
        threading.Thread(target=threading.Event().wait, daemon=True).start()
    return 3
main.main = stays
atexit.register(print, "cleaned up", end="")
program.program()
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert (done.returncode, done.stdout) == (3, f"closed {cleaned}"), done.stderr
