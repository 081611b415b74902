from __future__ import annotations

import sys
from pathlib import Path

import pytest

from reid_tracker.errors import MissingDependencyError
from reid_tracker.train import EpochRecord, TensorBoardObserver

RECORD = EpochRecord(3, 256, 1e-3, {"cross_entropy": 1.5, "total": 2.0}, 80.0, 0.7, 0.6)


def test_line_of_an_epoch() -> None:
    text = "epoch 3 (256 px) lr 1.00e-03 cross_entropy 1.5000 total 2.0000 | 80 images/s"
    assert RECORD.describe() == f"{text} | rank-1 0.7000 mAP 0.6000"


def test_line_without_scores() -> None:
    assert "rank-1" not in EpochRecord(1, 64, 0.1, {}, 1.0).describe()


def test_tensorboard_scalars_can_be_read_back(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import (  # type: ignore[import-untyped]
        EventAccumulator,
    )

    with TensorBoardObserver(tmp_path) as observer:
        observer.on_step(3, 1, 2, 2.0)
        observer.on_epoch(RECORD)
    log = EventAccumulator(str(tmp_path))
    log.Reload()
    assert set(log.Tags()["scalars"]) == {
        "loss/cross_entropy",
        "loss/total",
        "lr",
        "images_per_s",
        "held_out/rank-1",
        "held_out/mAP",
    }
    assert [(event.step, event.value) for event in log.Scalars("loss/total")] == [(3, 2.0)]


def test_missing_tensorboard_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(MissingDependencyError, match=r"reid-tracker\[train\]"):
        TensorBoardObserver(tmp_path)
