"""What the tests of the embedded gallery share: another process, and errors of one line."""

from __future__ import annotations

import subprocess
import sys

from reid_tracker.errors import ReidTrackerError
from tests.conftest import ROOT


def in_new_process(script: str, *words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, words)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def one_line(error: ReidTrackerError) -> str:
    text = str(error)
    assert "\n" not in text
    assert len(text) < 400
    return text
