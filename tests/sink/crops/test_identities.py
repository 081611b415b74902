"""Crops by identity follow the events."""

from __future__ import annotations

from pathlib import Path

import pytest

from reid_tracker.errors import OutputError
from reid_tracker.sink.crops.identities import IdentityCropSink
from tests.sink.results import (
    LAST,
    RUN,
    STEMS,
)


def crops_in(folder: Path) -> dict[str, list[str]]:
    return {
        home.name: sorted(path.name for path in home.iterdir()) for home in sorted(folder.iterdir())
    }


def test_crops_move_to_who_they_turn_out_to_be(tmp_path: Path) -> None:
    with IdentityCropSink(tmp_path / "crops", STEMS, every_s=0) as sink:
        sink.write(RUN[0])
        assert crops_in(tmp_path / "crops") == {
            "unsure": ["door_000001_frame000000.jpg", "door_000002_frame000000.jpg"]
        }
        for result in RUN[1:]:
            sink.write(result)
        found = crops_in(tmp_path / "crops")
        assert list(found) == ["identity-0001", "identity-0002", "identity-0003", "unsure"]
        assert found["identity-0003"] == [
            "hall_000001_frame000000.jpg",
            "hall_000001_frame000001.jpg",
        ]
        sink.write_events(LAST)
    found = crops_in(tmp_path / "crops")
    assert list(found) == ["identity-0001", "unsure"]  # folders that became empty are gone
    assert [name[:11] for name in found["identity-0001"]] == ["door_000001"] * 2 + [
        "hall_000001"
    ] * 2
    assert [name[:11] for name in found["unsure"]] == ["door_000002"] * 2 + ["hall_000009"]


def test_overwriting_crops_leaves_other_files_alone(tmp_path: Path) -> None:
    with IdentityCropSink(tmp_path / "crops", STEMS) as sink:
        sink.write(RUN[0])
    (tmp_path / "crops" / "notes").mkdir()
    with pytest.raises(OutputError, match="--overwrite"):
        IdentityCropSink(tmp_path / "crops", STEMS)
    IdentityCropSink(tmp_path / "crops", STEMS, overwrite=True).close()
    assert [path.name for path in (tmp_path / "crops").iterdir()] == ["notes"]
