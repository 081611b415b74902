"""Pictures of identities: where they go, how often, and what they show."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from reid_tracker.errors import OutputError
from reid_tracker.sink.crops.tracks import CropSink
from tests.sink.results import make_result, make_tracks


def written(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_names_and_throttle(tmp_path: Path) -> None:
    with CropSink(tmp_path / "c", every_s=1.0) as sink:
        for index in range(70):
            sink.write(make_result(index, timestamp_s=index / 30))
    # Of the three tracks the second is only predicted.
    frames = ("frame000000.jpg", "frame000030.jpg", "frame000060.jpg")
    assert written(tmp_path / "c") == [f"{who:06d}/{name}" for who in (1, 3) for name in frames]


def test_every_picture_of_predicted_boxes_too(tmp_path: Path) -> None:
    with CropSink(tmp_path / "c", every_s=0, observed_only=False) as sink:
        for index in range(4):
            sink.write(make_result(index))
    assert len(written(tmp_path / "c")) == 12


def test_picture_is_the_box_clipped_to_the_frame(tmp_path: Path) -> None:
    image = np.zeros((48, 64, 3), np.uint8)
    image[:16, :16] = (200, 30, 30)
    tracks = make_tracks([5], [[-10.0, -10, 16, 16]])
    with CropSink(tmp_path / "c", quality=100) as sink:
        sink.write(make_result(345, tracks, image))
    crop = cv2.imread(str(tmp_path / "c" / "000005" / "frame000345.jpg"))
    assert crop is not None
    assert crop.shape == (16, 16, 3)
    assert crop.mean(axis=(0, 1)) == pytest.approx([200, 30, 30], abs=4)


@pytest.mark.parametrize("box", [[70.0, 0, 90, 20], [5.0, 5, 5, 20], [-9.0, -9, -1, -1]])
def test_box_without_pixels_gives_no_picture(tmp_path: Path, box: list[float]) -> None:
    with CropSink(tmp_path / "c") as sink:
        sink.write(make_result(0, make_tracks([1], [box])))
    assert written(tmp_path / "c") == []


def test_memory_does_not_grow_with_identities(tmp_path: Path) -> None:
    with CropSink(tmp_path / "c", every_s=0.5) as sink:
        for index in range(300):
            sink.write(make_result(index, make_tracks([index + 1])))
        assert len(sink._due._last_s) < 20


def test_overwriting_leaves_other_files_alone(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    with CropSink(folder) as sink:
        sink.write(make_result(0, make_tracks([9])))
    (folder / "notes.txt").write_text("mine")
    (folder / "holiday").mkdir()
    (folder / "holiday" / "a.jpg").write_text("mine")
    CropSink(folder, overwrite=True).close()
    assert written(folder) == ["holiday/a.jpg", "notes.txt"]


def test_folder_taken_by_a_file_is_one_clear_error(tmp_path: Path) -> None:
    with CropSink(tmp_path / "c") as sink:
        (tmp_path / "c" / "000001").write_text("in the way")
        with pytest.raises(OutputError, match="cannot write"):
            sink.write(make_result())
