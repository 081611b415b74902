"""The program that compares detectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reid_tracker.evaluate import match_detections, precision_recall_f1
from tests.benchmarks import detector_scores
from tests.benchmarks.detection_metrics import average_precision
from tests.benchmarks.detector_scores import Entrant, Scene, evaluate, parse_entrant, table
from tests.conftest import FRAMES, shared, write_detections
from tests.evaluate.test_detection import crowd
from tests.oracles import detection as oracle


@pytest.mark.parametrize("seed", range(5))
def test_average_precision_is_that_of_the_oracle(seed: int) -> None:
    generator = np.random.default_rng(seed)
    # 17: no recall lies on one of the hundredths, where rounding would decide
    found, truth = crowd(generator, 30), crowd(generator, 17)
    hits = match_detections(found, truth)
    expected = oracle.average_precision(found.scores.tolist(), hits.tolist(), len(truth))
    assert average_precision(found, truth) == pytest.approx(expected, abs=1e-9)


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
