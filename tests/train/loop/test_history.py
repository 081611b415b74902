from __future__ import annotations

import json
from pathlib import Path

from reid_tracker.train.loop.history import EpochRecord, History

FIRST = EpochRecord(1, 64, 0.001, {"triplet": 0.5, "total": 0.75}, 99.6, 0.5, 0.25)
SECOND = EpochRecord(2, 64, 0.002, {"total": 0.5}, 100.0)


def test_records_survive_a_checkpoint_and_are_written(tmp_path: Path) -> None:
    history = History([FIRST, SECOND])
    assert History.from_state(history.state()).records == [FIRST, SECOND]
    history.write(tmp_path / "metrics.jsonl")
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert [EpochRecord(**json.loads(line)) for line in lines] == [FIRST, SECOND]


def test_a_record_is_a_line() -> None:
    assert FIRST.describe() == (
        "epoch 1 (64 px) lr 1.00e-03 triplet 0.5000 total 0.7500 | 100 images/s"
        " | rank-1 0.5000 mAP 0.2500"
    )
    assert "rank-1" not in SECOND.describe()
