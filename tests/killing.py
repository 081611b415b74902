"""Kills a worker process in the middle of its work."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

from tests.conftest import ROOT


def run_and_kill(module: str, words: list[str], after_s: float) -> list[str]:
    """Start a module, and kill it so long after it has printed "open"; return its whole lines."""
    worker = subprocess.Popen(
        [sys.executable, "-m", module, *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert worker.stdout is not None
    assert worker.stdout.readline() == "open\n"
    timer = threading.Timer(after_s, worker.kill)
    timer.start()
    said = worker.stdout.read()
    worker.wait()
    timer.cancel()
    assert worker.returncode == -9
    return [line.strip() for line in said.splitlines(keepends=True) if line.endswith("\n")]
