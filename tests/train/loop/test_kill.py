"""kill -9 at arbitrary moments, then --resume: the same bits as a run that nobody touched."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reid_tracker.config.checked import to_yaml
from reid_tracker.osnet import load_checkpoint
from reid_tracker.train import CHECKPOINT, RESULT
from tests.conftest import ROOT
from tests.train.samples import TAUGHT, tiny_recipe, write_cuhk03_crops
from tests.waiting import wait_until

_CODE = "import sys; from reid_tracker.cli.main import run; sys.exit(run(['train', *sys.argv[1:]]))"


def start(recipe: Path, output: Path, *more: str) -> subprocess.Popen[bytes]:
    words = [str(recipe), "-o", str(output), "--threads", "1", "--device", "cpu", "--quiet", *more]
    return subprocess.Popen([sys.executable, "-c", _CODE, *words], cwd=ROOT)


def wait_for_change(path: Path, seen: int, process: subprocess.Popen[bytes]) -> int:
    """Wait until a file is written again, or the process ends."""

    def written() -> int:
        return path.stat().st_mtime_ns if path.exists() else 0

    wait_until(lambda: written() not in (0, seen) or process.poll() is not None, step_s=0.002)
    return written()


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{}, TAUGHT], ids=["plain", "taught"])
def test_killed_run_ends_with_the_same_bits(
    tiny_data: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    write_cuhk03_crops(tiny_data, "more", first=20)
    recipe = tmp_path / "recipe.yaml"
    phases = [{"epochs": 6, "height": 32, "width": 16}]
    recipe.write_text(to_yaml(tiny_recipe(tiny_data, **changes, phases=phases, checkpoint_steps=1)))
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert start(recipe, whole).wait() == 0

    moments, kills = np.random.default_rng(0), 0
    process = start(recipe, cut)
    seen = wait_for_change(cut / CHECKPOINT, 0, process)
    while process.poll() is None and kills < 3:
        for _ in range(int(moments.integers(1, 5))):
            seen = wait_for_change(cut / CHECKPOINT, seen, process)
        time.sleep(moments.uniform(0, 0.05))  # at another moment between two checkpoints
        process.kill()
        kills += process.wait() != 0
        process = start(recipe, cut, "--resume")
    assert process.wait() == 0
    assert kills >= 2, "the run was too short to be killed"

    first, second = load_checkpoint(whole / RESULT), load_checkpoint(cut / RESULT)
    assert first.keys() == second.keys()
    assert [key for key in first if not first[key].equal(second[key])] == []
