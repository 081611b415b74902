"""The program that compares detectors scores them as its plain oracle does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks import detector_scores
from tests.benchmarks.detection_metrics import Marks, average_precision, match, precision_recall_f1
from tests.benchmarks.detector_scores import Entrant, Scene, evaluate, parse_entrant, table
from tests.conftest import FRAMES, shared, write_detections
from tests.oracles import detection as oracle


def crowd(generator: np.random.Generator, count: int) -> Marks:
    """Boxes so close to each other that many detections want the same person."""
    left_top = generator.uniform(0, 12, (count, 2))
    boxes = np.concatenate([left_top, left_top + generator.uniform(6, 12, (count, 2))], 1)
    scores = generator.permutation(np.linspace(0.02, 0.98, count)) if count else np.empty(0)
    return Marks(generator.integers(1, 5, count), boxes, scores)


def rows(marks: Marks) -> list[oracle.Mark]:
    columns = (marks.frames, marks.boxes, marks.scores)
    return list(zip(*(column.tolist() for column in columns), strict=True))


@pytest.mark.parametrize("seed", range(20))
def test_scores_are_those_of_the_oracle(seed: int) -> None:
    generator = np.random.default_rng(seed)
    found, truth = (crowd(generator, int(n)) for n in generator.integers(0, 40, 2))
    hits = match(found, truth)
    assert hits.tolist() == oracle.match(rows(found), rows(truth), 0.5)
    if len(truth):
        expected = oracle.average_precision(found.scores.tolist(), hits.tolist(), len(truth))
        assert average_precision(found, truth) == pytest.approx(expected, abs=1e-9)
    strong = found.scores >= 0.5
    some = Marks(found.frames[strong], found.boxes[strong], found.scores[strong])
    again = match(some, truth)
    assert again.tolist() == hits[strong].tolist(), "weaker detections change nothing"
    (three,) = precision_recall_f1(found.scores, hits, len(truth), [0.5])
    right = again.sum()
    assert three.tolist() == pytest.approx(
        [
            right / len(again) if len(again) else 0,
            right / len(truth) if len(truth) else 0,
            2 * right / (len(again) + len(truth)) if len(again) + len(truth) else 0,
        ]
    )


def test_a_second_detection_of_a_person_is_a_mistake() -> None:
    box = np.array([[0.0, 0, 10, 20]])
    found = Marks(np.array([1, 1]), np.repeat(box, 2, 0), np.array([0.6, 0.9]))
    assert match(found, Marks(np.array([1]), box, np.ones(1))).tolist() == [False, True]


def test_thresholds_include_their_value() -> None:
    scores = np.array([0.5, 0.25])
    three = precision_recall_f1(scores, np.array([True, False]), 2, [0.25, 0.5, 0.75])
    assert three.tolist() == [[0.5, 0.5, 0.5], [1.0, 0.5, 2 / 3], [0.0, 0.0, 0.0]]


def test_models_with_a_confidence() -> None:
    assert parse_entrant("a.pt@0.4", 0.3) == Entrant("a.pt", 0.4)
    assert parse_entrant("me@home.pt", 0.3) == Entrant("me@home.pt", 0.3)
    assert parse_entrant("hog:2", 0.3) == Entrant("hog:2", 0.5)


def test_replayed_detections_of_a_clip(walkers: tuple[Path, Path], tmp_path: Path) -> None:
    video, truth = walkers
    half = write_detections(tmp_path / "half.txt", skip=tuple(range(FRAMES // 2)))
    detector = detector_scores.build(str(half), None, None)
    result = evaluate(detector, Scene(video, truth), 1)
    assert (result.truths, result.hits.sum(), len(result.hits)) == (2 * FRAMES, FRAMES, FRAMES)
    printed = table({Entrant("half.txt", 0.3): {"clip": result}}, ["clip"]).splitlines()
    assert printed[2].startswith("| half.txt | 0.3 | 1.000 | 0.500 | 0.667 | 0.50")


def test_every_other_frame_counts_its_own_people_only(walkers: tuple[Path, Path]) -> None:
    video, truth = walkers
    result = evaluate(detector_scores.build(str(truth), None, None), Scene(video, truth), 2)
    assert result.truths == len(result.hits) == FRAMES
    assert result.hits.all()
    assert result.ap50 == pytest.approx(1)


@pytest.mark.slow
@pytest.mark.shared
def test_figures_of_yolo11n_on_tud_campus() -> None:
    model = str(shared("weights", "yolo11n_int8_openvino_model"))
    scene = detector_scores.SCENES["TUD-Campus"]
    shared("data", "mot", "TUD-Campus")
    result = evaluate(detector_scores.build(model, None, None), scene, 1)
    f1 = precision_recall_f1(result.scores, result.hits, result.truths, [0.3, 0.5])[:, 2]
    assert f1 == pytest.approx([0.711, 0.815], abs=0.01)
