from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from reid_tracker.errors import WeightsError
from reid_tracker.osnet import load_checkpoint
from reid_tracker.train import RESULT, Recipe, Trainer
from reid_tracker.train.images import MemoryCrops
from reid_tracker.train.loop.engine import TEACHERS
from reid_tracker.train.teach import targets
from reid_tracker.train.teach.lessons import Lessons, prepare_lessons
from tests.train.samples import person, tiny_recipe, write_image

TEACHER = "osnet_x0_25"  # a published size by name: untrained, the same weights every time


def crops(count: int = 6) -> MemoryCrops:
    small = np.stack([person(number // 2, number) for number in range(count)])
    return MemoryCrops(np.stack([cv2.resize(crop, (128, 256)) for crop in small]).astype(np.uint8))


def pictures_with_boxes(root: Path) -> Path:
    """Two people, of 40 and of 10 pixels height, beside a dog."""
    write_image(root / "images" / "a.png", np.full((50, 60, 3), 90, np.uint8))
    (root / "labels").mkdir()
    lines = ["0 0.5 0.5 0.3 0.8", "0 0.2 0.2 0.1 0.2", "16 0.5 0.5 0.3 0.8"]
    (root / "labels" / "a.txt").write_text("\n".join(lines))
    return root


def distilling(data: Path, tmp_path: Path, **teacher_changes: Any) -> Recipe:
    boxes = tmp_path / "boxes"
    if not boxes.exists():
        pictures_with_boxes(boxes)
    settings = {
        "models": [TEACHER],
        "batch_size": 3,
        "box_folders": [str(boxes)],
        "min_height_px": 20,
        "recombined": 5,
        **teacher_changes,
    }
    loss = {"distil_cosine": 1.0, "distil_relation": 1.0}
    return tiny_recipe(data, loss=loss, teacher=settings)


@pytest.mark.slow
def test_lessons_are_kept_and_read_back(
    tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, labels = distilling(tiny_data, tmp_path).teacher, np.arange(6) // 2
    first = prepare_lessons(recipe, crops(), labels, tmp_path / "t", seed=1)
    assert isinstance(first, Lessons)
    assert len(first.crops) == len(first.unlabelled) == 1 + 5
    assert first.widths == (512,)

    def refuse(*arguments: object) -> None:
        raise AssertionError("the teacher was asked twice")

    monkeypatch.setattr(targets, "teach", refuse)
    again = prepare_lessons(recipe, crops(), labels, tmp_path / "t", seed=1)
    assert np.array_equal(first.labelled, again.labelled)
    assert np.array_equal(first.unlabelled, again.unlabelled)
    with pytest.raises(AssertionError):  # other data, other lessons
        prepare_lessons(recipe, crops(4), labels[:4], tmp_path / "t", seed=1)


@pytest.mark.slow
def test_a_run_with_one_more_data_set_asks_about_that_one_only(
    tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = distilling(tiny_data, tmp_path, recombined=3).teacher
    before = prepare_lessons(recipe, crops(4), np.arange(4) // 2, tmp_path / "t", seed=1)
    asked: list[int] = []
    teach = targets.teach

    def spy(model: str, source: MemoryCrops, rows: range) -> np.ndarray:
        asked.append(len(rows))
        return teach(model, source, rows)

    monkeypatch.setattr(targets, "teach", spy)
    labels, parts = np.arange(10) // 2, (0, 4)
    after = prepare_lessons(recipe, crops(10), labels, tmp_path / "t", seed=1, starts=parts)
    assert asked == [6, 3], "the new data set, and people recombined from it"
    assert np.array_equal(after.labelled[:4], before.labelled)
    assert np.array_equal(after.unlabelled[:4], before.unlabelled)


@pytest.mark.slow
def test_several_teachers_stand_side_by_side(tiny_data: Path, tmp_path: Path) -> None:
    recipe = distilling(tiny_data, tmp_path, models=[TEACHER, "osnet_ain_x0_25"]).teacher
    both = prepare_lessons(recipe, crops(), np.arange(6) // 2, tmp_path / "t", seed=1)
    assert both.widths == (512, 512)
    assert both.labelled.shape == (6, 1024)
    assert not np.allclose(both.labelled[:, :512], both.labelled[:, 512:])


@pytest.mark.slow
def test_distilled_run_comes_closer_to_the_teacher(tiny_data: Path, tmp_path: Path) -> None:
    found = Trainer(distilling(tiny_data, tmp_path), tmp_path / "run").run()
    losses = [record.losses for record in found.history.records]
    assert losses[-1]["distil_cosine"] < losses[0]["distil_cosine"]
    assert "distil_relation" in losses[0]
    weights = load_checkpoint(tmp_path / "run" / RESULT)
    assert not any(name.startswith(("heads", "normed", "classifier")) for name in weights)
    assert list((tmp_path / TEACHERS).glob("people-*.npy")), "other runs find it beside this one"


def test_missing_teacher(tiny_data: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"absent\.onnx: no such file"):
        Trainer(distilling(tiny_data, tmp_path, models=["absent.onnx"]), tmp_path / "run")
