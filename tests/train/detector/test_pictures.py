from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reid_tracker.detect import Detector
from reid_tracker.errors import InputError, SourceError, WeightsError
from reid_tracker.train.detector import pictures
from reid_tracker.train.detector.pictures import (
    collect_pictures,
    find_people,
    read_yolo_pictures,
)
from reid_tracker.train.detector.recipe import PictureRecipe
from reid_tracker.types import Detections, ImageBGR
from tests.conftest import FRAMES
from tests.train.detector.samples import BlockDetector, Corners, blocks, write_yolo_folder

PERSON: Corners = (20, 10, 40, 80)
OTHER: Corners = (60, 30, 80, 90)


def labels(folder: Path, text: str) -> Path:
    """A folder of one picture with this label file."""
    write_yolo_folder(folder, [blocks(100, 120, [])])
    (folder / "labels" / "000.txt").write_text(text)
    return folder


@pytest.mark.parametrize("end", ["png", "jpg", "jpeg"])
def test_yolo_folder(tmp_path: Path, end: str) -> None:
    write_yolo_folder(tmp_path, [blocks(100, 120, [PERSON, OTHER]), blocks(50, 60, [])], end)
    two, none = read_yolo_pictures(tmp_path)
    assert two.image.shape == (100, 120, 3)
    assert two.boxes.dtype == none.boxes.dtype == np.float32
    assert two.boxes == pytest.approx(np.array([PERSON, OTHER]), abs=1e-3)
    assert none.boxes.shape == (0, 4), "a background"


def test_other_classes_and_blank_lines_are_left_out(tmp_path: Path) -> None:
    folder = labels(tmp_path, "\n17 0.5 0.5 0.2 0.2\n0 0.5 0.5 0.5 0.5\n\n")
    (picture,) = read_yolo_pictures(folder)
    assert picture.boxes.tolist() == [[30, 25, 90, 75]]


@pytest.mark.parametrize(
    "text",
    ["0 0.5 0.5 0.5", "0 a b c d", "0 nan 0.5 0.5 0.5", f"0 {'0.5 ' * 14}", "0 1 1 1\n1 0 1 1 1 1"],
    ids=["short", "words", "nan", "polygon", "uneven"],
)
def test_malformed_labels(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match=r"000\.txt: expected lines of five numbers"):
        list(read_yolo_pictures(labels(tmp_path, text)))


def test_labels_that_are_no_text(tmp_path: Path) -> None:
    folder = labels(tmp_path, "")
    (folder / "labels" / "000.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"000\.txt: expected lines of five numbers"):
        list(read_yolo_pictures(folder))


def test_missing_and_empty_folders(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere: no such folder"):
        list(read_yolo_pictures(tmp_path / "nowhere"))
    with pytest.raises(InputError, match="no label file below labels/"):
        list(read_yolo_pictures(tmp_path))
    folder = labels(tmp_path, "")
    (folder / "images" / "000.png").unlink()
    with pytest.raises(InputError, match="no picture below images/ for any label file"):
        list(read_yolo_pictures(folder))


def test_damaged_picture(tmp_path: Path) -> None:
    folder = labels(tmp_path, "")
    (folder / "images" / "000.png").write_text("no")
    with pytest.raises(InputError, match=r"000\.png: cannot be read as an image: it is damaged"):
        list(read_yolo_pictures(folder))


def test_small_people_are_found_in_tiles() -> None:
    small, tall = (150, 20, 156, 38), (40, 60, 80, 180)
    image = blocks(200, 300, [small, tall]).image
    detector = BlockDetector(least_part=0.12)
    assert len(detector.detect(image)) == 1, "the small one is not seen in the whole picture"
    detector.shown.clear()
    found = find_people(detector, image)
    assert sorted(found.tolist()) == sorted([[*map(float, tall)], [*map(float, small)]])
    assert detector.shown == [(200, 300)] + [(120, 180)] * 4


def test_a_person_is_found_once_though_tiles_overlap() -> None:
    middle: Corners = (140, 90, 150, 112)  # lies in all four tiles
    assert find_people(BlockDetector(), blocks(200, 300, [middle]).image).tolist() == [
        [140, 90, 150, 112]
    ]


def test_people_cut_by_a_tile_are_dropped() -> None:
    wide: Corners = (60, 20, 240, 60)  # reaches beyond both upper tiles
    found = find_people(BlockDetector(), blocks(200, 300, [wide]).image)
    assert found.tolist() == [[60, 20, 240, 60]]
    # cut by the first tile, whole in the second, too small to be seen in the whole picture
    image = blocks(200, 300, [(170, 20, 200, 38)]).image
    assert find_people(BlockDetector(least_part=0.12), image).tolist() == [[170, 20, 200, 38]]


def test_nobody() -> None:
    assert find_people(BlockDetector(), blocks(60, 80, []).image).shape == (0, 4)


class Parts(BlockDetector):
    """Takes the upper half of a person for another one, less surely."""

    def detect(self, image: ImageBGR, frame_index: int | None = None) -> Detections:
        boxes = super().detect(image).boxes
        halves = boxes.copy()
        halves[:, 3] -= 0.6 * (boxes[:, 3] - boxes[:, 1])
        scores = np.repeat(np.array([0.9, 0.6], np.float32), len(boxes))
        return Detections(np.concatenate([boxes, halves]), scores, np.zeros(len(scores), np.int64))


def test_parts_of_a_person_are_no_other_person() -> None:
    found = find_people(Parts(), blocks(100, 120, [PERSON]).image)
    assert found.tolist() == [[*map(float, PERSON)]]


def use_teacher(monkeypatch: pytest.MonkeyPatch, teacher: Detector) -> None:
    monkeypatch.setattr(pictures, "build_detector", lambda model, conf: teacher)


def test_the_teacher_completes_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    both = blocks(100, 120, [PERSON, OTHER])
    half = pictures.Picture(both.image, both.boxes[:1])
    nobody = pictures.Picture(both.image, both.boxes[:0])
    folder = str(write_yolo_folder(tmp_path, [half, nobody]))
    alone = collect_pictures(PictureRecipe(box_folders=(folder,)))
    assert [len(picture.boxes) for picture in alone] == [1, 0]
    use_teacher(monkeypatch, BlockDetector())
    completed = collect_pictures(PictureRecipe(box_folders=(folder,), teacher="any"))
    assert completed[0].boxes == pytest.approx(both.boxes, abs=1e-3)
    assert len(completed[1].boxes) == 0, "what a human called empty stays empty"


class Colourful(BlockDetector):
    """Finds the walkers, who alone have a colour."""

    def detect(self, image: ImageBGR, frame_index: int | None = None) -> Detections:
        colour = np.ptp(image, axis=2)[..., None] > 100
        return super().detect(np.where(colour, 255, 0).astype(np.uint8).repeat(3, axis=2))


def test_the_teacher_labels_clips(
    walkers: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    use_teacher(monkeypatch, Colourful())
    recipe = PictureRecipe(videos=(str(walkers[0]),), teacher="any", frame_step=10)
    found = collect_pictures(recipe)
    assert len(found) == FRAMES // 10
    first = found[0].boxes[np.argsort(found[0].boxes[:, 0])]
    assert first == pytest.approx(np.array([[10, 40, 50, 140], [260, 120, 300, 220]]), abs=2)


def test_recipes_that_cannot_work(tmp_path: Path, walkers: tuple[Path, Path]) -> None:
    with pytest.raises(InputError, match=r"names no pictures; set pictures\.box_folders"):
        collect_pictures(PictureRecipe())
    with pytest.raises(InputError, match=r"pictures\.videos needs pictures\.teacher"):
        collect_pictures(PictureRecipe(videos=("clip.mp4",)))
    with pytest.raises(SourceError, match="nowhere"):
        collect_pictures(PictureRecipe(videos=("nowhere.mp4",), teacher=str(walkers[1])))
    with pytest.raises(WeightsError, match="nowhere"):
        collect_pictures(PictureRecipe(teacher=str(tmp_path / "nowhere.pt")))
