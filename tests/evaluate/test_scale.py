"""Memory at the size of MSMT17: the whole matrix of distances is never held."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from reid_tracker.evaluate import evaluate_reid
from tests.conftest import ROOT

QUERIES, GALLERY = 2_000, 82_161
"""MSMT17's gallery; of its 11,659 queries as many as take seconds."""

LIMIT_GIB = 1.25
"""It takes 0.6; the distances and their order alone would be 1.8 if they were held at once."""

_CHILD = "from tests.evaluate.test_scale import score_at_random; score_at_random()"


def score_at_random() -> None:
    """Score random embeddings, and print the number of queries scored and of those left out."""
    from tests.benchmarks.reid_scale import random_samples

    generator = np.random.default_rng(0)
    query, gallery = random_samples(generator, QUERIES), random_samples(generator, GALLERY)
    scores = evaluate_reid(query, gallery)
    sys.stdout.write(f"{scores.queries} {scores.skipped} {peak_gib()}\n")


def peak_gib() -> float:
    """Return the most memory that this process held since its program started.

    Not `ru_maxrss`: a child process begins with that of its parent, here of all tests before.
    """
    with open("/proc/self/status", encoding="ascii") as status:
        (line,) = (line for line in status if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 2**20


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_is_bounded() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _CHILD], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    queries, skipped, peak = done.stdout.split()
    assert (int(queries), int(skipped)) == (QUERIES, 0)
    assert float(peak) < LIMIT_GIB
