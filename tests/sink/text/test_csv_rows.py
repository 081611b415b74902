"""CSV rows, read back."""

from __future__ import annotations

import csv
import os
from dataclasses import replace
from pathlib import Path

import pytest

from reid_tracker.errors import OutputError
from reid_tracker.sink.text.csv_rows import COLUMNS, CsvSink
from reid_tracker.types import Tracks
from tests.sink.results import (
    BOXES,
    RUN,
    link_to_full_disk,
    make_result,
    make_tracks,
    written,
)


def test_csv_rows(tmp_path: Path) -> None:
    result = make_result(30, make_tracks([4, 17], BOXES), camera='a,"b"\nc')
    text = written(CsvSink(tmp_path / "o.csv"), result, make_result(31, Tracks.empty()))
    rows = list(csv.DictReader(text.splitlines(keepends=True)))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == 2
    assert rows[1] == {
        "camera": 'a,"b"\nc',
        "frame": "30",
        "timestamp_s": "1.001",
        "id": "17",
        "left": "-3.25",
        "top": "0.0",
        "right": "4.0",
        "bottom": "8.0",
        "score": "0.5",
        "class": "0",
        "age_s": "1.0",
        "observed": "0",
        "detection_index": "-1",
        "identity": "",
        "class_name": "",
    }


def test_csv_names_the_class_if_the_detector_does(tmp_path: Path) -> None:
    result = replace(make_result(30, make_tracks([4])), class_names={0: "person, or so"})
    text = written(CsvSink(tmp_path / "o.csv"), result)
    (row,) = csv.DictReader(text.splitlines())
    assert row["class_name"] == "person, or so"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_a_csv_file_whose_header_does_not_fit_is_taken_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = link_to_full_disk(tmp_path / "o.csv", monkeypatch)
    with pytest.raises(OutputError, match="No space left"):
        CsvSink(path, overwrite=True)
    assert not os.path.lexists(path)


def test_csv_has_the_identity_of_the_frame(tmp_path: Path) -> None:
    with CsvSink(tmp_path / "o.csv") as sink:
        for result in [*RUN, make_result(7)]:
            sink.write(result)
    with (tmp_path / "o.csv").open(newline="") as file:
        found = [row["identity"] for row in csv.DictReader(file)]
    assert found == ["", "", "", "1", "2", "3", "", "", "", ""]
