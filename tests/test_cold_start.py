from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.cold_start import PARTS, line, measure
from tests.conftest import ROOT, write_video

UNUSED = ("torchvision", "torch._dynamo", "sympy", "triton", "matplotlib", "pandas", "onnxruntime")
"""What libraries would load for things that a run does not do; some take longer than the models."""


def test_a_row_has_the_medians() -> None:
    one = dict.fromkeys(("first result", *PARTS, "processor"), 1.0)
    two = dict.fromkeys(one, 2.0)
    assert line("now", [one, two, two]) == "| now | 2.00 | 2.00 | 2.00 | 2.00 | 2.00 | 2.00 |"


@pytest.mark.slow
def test_the_parts_add_up_to_the_first_result(tmp_path: Path) -> None:
    times = measure(ROOT, write_video(tmp_path / "clip.mp4", frames=4))
    assert min(times.values()) > 0
    assert sum(times[part] for part in PARTS) == pytest.approx(times["first result"])


@pytest.mark.slow
def test_a_run_loads_only_what_it_uses(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "clip.mp4", frames=4)
    code = (
        "import sys; from reid_tracker.cli.main import main;"
        f"code = main([{str(clip)!r}, '-o', {str(tmp_path / 'out')!r}]);"
        f"print(code, *sorted(set({UNUSED}) & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0", done.stdout
