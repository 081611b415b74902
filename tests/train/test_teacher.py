from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from reid_tracker.errors import WeightsError
from reid_tracker.osnet import load_checkpoint
from reid_tracker.train import RESULT, Recipe, Trainer, teacher
from reid_tracker.train.images import MemoryCrops
from reid_tracker.train.teacher import Lessons, prepare_lessons, pull_together, teach
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
        "model": TEACHER,
        "batch_size": 3,
        "box_folders": [str(boxes)],
        "min_height_px": 20,
        "recombined": 5,
        **teacher_changes,
    }
    loss = {"distil_cosine": 1.0, "distil_relation": 1.0}
    return tiny_recipe(data, loss=loss, teacher=settings)


@pytest.mark.slow
def test_targets_are_unit_rows_and_blind_to_mirroring() -> None:
    source = crops()
    mirrored = MemoryCrops(source.take(np.arange(6), (256, 128))[:, :, ::-1].copy())
    first, second = teach(TEACHER, source), teach(TEACHER, mirrored)
    assert first.shape == (6, 512)
    assert np.allclose(np.linalg.norm(first, axis=1), 1, atol=1e-5)
    assert np.allclose(first, second, atol=1e-5)


def test_pull_against_its_definition() -> None:
    rows = np.random.default_rng(0).random((5, 4)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    labels = np.array([3, 1, 3, 1, 3])
    for pull in (0.0, 0.3, 1.0):
        found = pull_together(rows, labels, pull)
        for row, label in enumerate(labels):
            centre = rows[labels == label].sum(0)
            expected = (1 - pull) * rows[row] + pull * centre / np.linalg.norm(centre)
            assert np.allclose(found[row], expected / np.linalg.norm(expected), atol=1e-6)


def test_lessons_are_kept_and_read_back(
    tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, labels = distilling(tiny_data, tmp_path), np.arange(6) // 2
    first = prepare_lessons(recipe, crops(), labels, tmp_path / "t")
    assert isinstance(first, Lessons)
    assert len(first.crops) == len(first.unlabelled) == 1 + 5

    def refuse(*arguments: object) -> None:
        raise AssertionError("the teacher was asked twice")

    monkeypatch.setattr(teacher, "teach", refuse)
    again = prepare_lessons(recipe, crops(), labels, tmp_path / "t")
    assert np.array_equal(first.labelled, again.labelled)
    assert np.array_equal(first.unlabelled, again.unlabelled)
    with pytest.raises(AssertionError):  # other data, other lessons
        prepare_lessons(recipe, crops(4), labels[:4], tmp_path / "t")


@pytest.mark.slow
def test_distilled_run_comes_closer_to_the_teacher(tiny_data: Path, tmp_path: Path) -> None:
    found = Trainer(distilling(tiny_data, tmp_path), tmp_path / "run").run()
    losses = [record.losses for record in found.history.records]
    assert losses[-1]["distil_cosine"] < losses[0]["distil_cosine"]
    assert "distil_relation" in losses[0]
    assert load_checkpoint(tmp_path / "run" / RESULT)


def test_missing_teacher(tiny_data: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"absent\.onnx: no such file"):
        Trainer(distilling(tiny_data, tmp_path, model="absent.onnx"), tmp_path / "run")
