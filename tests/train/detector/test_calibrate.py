"""Confidences that mean what they say: the fit, and its place in a network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import expit as sigmoid
from scipy.special import logit

from reid_tracker.detect.ultralytics_backend import import_yolo
from reid_tracker.evaluate import precision_recall_f1
from reid_tracker.train.detector.calibrate import Measured, calibrate, fit, fold, measure
from tests.conftest import shared
from tests.train.detector.samples import TINY_MODEL, blocks, write_yolo_folder


@pytest.mark.parametrize(("slope", "offset"), [(1.0, 0.0), (1.7, 0.3), (0.6, -1.0)])
def test_fit_finds_the_curve_behind_the_hits(slope: float, offset: float) -> None:
    generator = np.random.default_rng(0)
    logits = generator.uniform(-4, 4, 40_000)
    hits = generator.random(len(logits)) < sigmoid(slope * logits + offset)
    assert fit(sigmoid(logits), hits) == pytest.approx((slope, offset), abs=0.08)


def test_fitted_confidence_is_the_hit_rate() -> None:
    generator = np.random.default_rng(1)
    scores = generator.random(20_000)
    hits = generator.random(len(scores)) < scores**2
    calibration = fit(scores, hits)
    assert calibration is not None
    slope, offset = calibration
    calibrated = sigmoid(slope * np.log(scores / (1 - scores)) + offset)
    for low in np.arange(0.1, 0.9, 0.2):
        there = (calibrated >= low) & (calibrated < low + 0.2)
        assert hits[there].mean() == pytest.approx(calibrated[there].mean(), abs=0.06)


@pytest.mark.slow
@pytest.mark.parametrize("default", [0.3, 0.5])
def test_f1_is_greatest_at_the_default(default: float) -> None:
    generator = np.random.default_rng(2)
    scores = generator.beta(0.5, 0.7, 30_000).clip(0.01, 0.99)
    hits = generator.random(len(scores)) < sigmoid(1.6 * logit(scores) - 0.5)
    people = int(hits.sum() * 1.2)
    found = calibrate(Measured(scores, hits, people), default)
    assert found is not None
    slope, offset = found
    shifted = sigmoid(slope * logit(scores) + offset)
    thresholds = np.linspace(0.05, 0.9, 18).round(2).tolist()
    f1 = precision_recall_f1(shifted, hits, people, [default, *thresholds])[:, 2]
    assert f1[0] >= f1[1:].max() - 0.005
    assert f1[0] > f1[1] + 0.02, "it matters"
    assert calibrate(Measured(scores[:10], hits[:10], 5), default) is None


@pytest.mark.parametrize("right", [0, 49, 951, 1000])
def test_too_little_to_fit(right: int) -> None:
    hits = np.arange(1000) < right
    assert fit(np.linspace(0.01, 0.99, 1000), hits) is None


def test_hits_that_a_threshold_separates_give_a_finite_curve() -> None:
    scores = np.linspace(0.01, 0.99, 1000)
    calibration = fit(scores, scores > 0.5)
    assert calibration is not None
    slope, offset = calibration
    assert 2 < slope < 1000
    assert sigmoid(slope * np.array([-0.5, 0.5]) + offset) == pytest.approx([0, 1], abs=0.1)


@pytest.mark.slow
def test_folded_network_gives_calibrated_confidences(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY_MODEL)
    torch.manual_seed(0)
    net = import_yolo()(str(tmp_path / "tiny.yaml"), task="detect").model.eval()
    images = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        before = net(images)[0]
    assert fold(net, 1.5, -0.4)
    with torch.inference_mode():
        after = net(images)[0]
    torch.testing.assert_close(after[:, :4], before[:, :4])
    torch.testing.assert_close(after[:, 4:], torch.sigmoid(1.5 * torch.logit(before[:, 4:]) - 0.4))


def test_network_without_a_class_branch_is_left_alone() -> None:
    class Other(torch.nn.Module):
        model = (torch.nn.Conv2d(3, 3, 1),)

    assert not fold(Other(), 2.0, 0.0)


@pytest.mark.slow
@pytest.mark.shared
def test_measure_counts_every_detection(tmp_path: Path) -> None:
    weights = shared("weights", "yolo11n_int8_openvino_model")
    write_yolo_folder(tmp_path, [blocks(64, 64, [(10, 10, 20, 40)])] * 2)
    scores, hits, people = measure(weights, tmp_path, "")
    assert len(scores) == len(hits)
    assert people == 2
    assert not hits.any(), "a block is no person to a network that knows people"
