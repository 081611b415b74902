"""MOTChallenge text, read back."""

from __future__ import annotations

from pathlib import Path

from reid_tracker.sink.text.mot_text import MotSink
from tests.sink.results import (
    BOXES,
    make_result,
    make_tracks,
    written,
)


def test_mot_lines(tmp_path: Path) -> None:
    tracks = make_tracks([4, 17], BOXES)
    text = written(MotSink(tmp_path / "o.txt"), make_result(0, tracks), make_result(6, tracks))
    assert text == (
        "1,4,1.00,2.00,10.00,20.50,0.90,-1,-1,-1\n"
        "1,17,-3.25,0.00,7.25,8.00,0.50,-1,-1,-1\n"
        "7,4,1.00,2.00,10.00,20.50,0.90,-1,-1,-1\n"
        "7,17,-3.25,0.00,7.25,8.00,0.50,-1,-1,-1\n"
    )


def test_mot_keeps_large_ids_and_frames(tmp_path: Path) -> None:
    result = make_result(5_000_000, make_tracks([2**40]), timestamp_s=9.0)
    assert written(MotSink(tmp_path / "o.txt"), result).startswith(f"5000001,{2**40},")
