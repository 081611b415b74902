"""Training curves: what train/history.py writes is read back, whatever state the run is in."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reid_tracker.errors import InputError
from reid_tracker.explain import TrainingCurve, curve_sheet, read_curve
from reid_tracker.explain.curves import METRICS_FILE, _panels
from reid_tracker.train import METRICS
from tests.explain.synthetic import write_run


def test_the_file_has_the_name_that_training_gives_it() -> None:
    assert METRICS_FILE == METRICS


@pytest.mark.parametrize("by_file", [False, True])
def test_read(tmp_path: Path, by_file: bool) -> None:
    run = write_run(tmp_path / "first")
    curve = read_curve(run / METRICS if by_file else run)
    assert curve.name == "first"
    assert curve.epochs.tolist() == [1, 2, 3, 4, 5, 6]
    assert list(curve.series) == [
        "total",
        "cross_entropy",
        "learning rate",
        "images/s",
        "rank-1",
        "mAP",
    ]
    np.testing.assert_allclose(curve.series["cross_entropy"], 5 / curve.epochs)
    np.testing.assert_allclose(curve.series["learning rate"], 0.01 / curve.epochs)
    np.testing.assert_allclose(curve.series["rank-1"], [np.nan, 0.2, np.nan, 0.4, np.nan, 0.6])
    assert curve.phases() == [(1, 128), (4, 256)]


def test_panels_leave_out_what_no_run_has(tmp_path: Path) -> None:
    first = read_curve(write_run(tmp_path / "a"))
    second = read_curve(write_run(tmp_path / "b", epochs=1, triplet=0.3))
    assert _panels([second]) == ["total", "cross_entropy", "triplet", "learning rate", "images/s"]
    both = ["rank-1", "mAP", "total", "cross_entropy", "triplet", "learning rate", "images/s"]
    assert _panels([first, second]) == both


@pytest.mark.slow
@pytest.mark.parametrize("runs", [1, 2, 9])
def test_sheet(tmp_path: Path, runs: int) -> None:
    names = ["_hidden", "$x$", *"abcdefg"][:runs]
    folders = [write_run(tmp_path / name, epochs=1 + n) for n, name in enumerate(names)]
    sheet = curve_sheet([read_curve(folder) for folder in folders])
    assert sheet.pixels().shape[1] <= 2000
    assert sheet.save(tmp_path / "curves.png").stat().st_size > 10_000


def test_no_run() -> None:
    with pytest.raises(InputError, match="no run"):
        curve_sheet([])


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"metrics\.jsonl: no such file.*first epoch"):
        read_curve(tmp_path)
    with pytest.raises(InputError, match="nowhere: no such file"):
        read_curve(tmp_path / "nowhere")


def test_empty_file(tmp_path: Path) -> None:
    (tmp_path / METRICS).write_text("\n")
    with pytest.raises(InputError, match="no epoch yet"):
        read_curve(tmp_path)


GOOD: dict[str, Any] = {"epoch": 1, "height": 256, "lr": 0.1, "losses": {"total": 1.0}}


@pytest.mark.parametrize(
    "line",
    [
        "no json",
        "[]",
        "3",
        json.dumps({"epoch": 1}),
        json.dumps(GOOD | {"losses": 3}),
        json.dumps(GOOD | {"losses": {"total": "much"}}),
        json.dumps(GOOD | {"rank1": "high"}),
        '{"epoch": 2, "hei',
        json.dumps(GOOD | {"height": math.inf}),
        json.dumps(GOOD | {"epoch": math.nan}),
        json.dumps(GOOD)[:-1] + ', "rank1": 1' + "0" * 400 + "}",
        "[" * 50_000,
    ],
    ids=range(12),
)
def test_damaged_line(tmp_path: Path, line: str) -> None:
    (tmp_path / METRICS).write_text(f"{json.dumps(GOOD)}\n{line}\n")
    with pytest.raises(InputError, match=r"metrics\.jsonl line 2: not an epoch"):
        read_curve(tmp_path)


def test_no_text(tmp_path: Path) -> None:
    (tmp_path / METRICS).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="cannot be read"):
        read_curve(tmp_path)


def test_one_size_is_one_phase() -> None:
    curve = TrainingCurve("x", np.array([4.0, 5.0]), np.array([64.0, 64.0]), {})
    assert curve.phases() == [(4, 64)]


def test_a_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    (tmp_path / METRICS).write_text(json.dumps(GOOD) + "\n", encoding="utf-8-sig")
    assert len(read_curve(tmp_path).epochs) == 1
