"""Gives a detector's confidence a meaning, so that one default threshold serves every detector.

First a logistic regression on the logit of the confidence turns it into the probability of a true
positive (Platt, "Probabilistic outputs for support vector machines", 1999). It is fitted on whole
held-out pictures, since composed ones are harder and would give values that are too low. Then the
confidence is shifted so that F1 has its maximum at the project's default threshold; for
probabilities the best threshold is half of the maximum F1 (Lipton et al., "Optimal thresholding of
classifiers to maximize F1 measure", 2014). Both steps are folded into the last layers.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.special import expit, logit

from reid_tracker.arrays import BoolArray, FloatArray
from reid_tracker.detect import build_detector
from reid_tracker.evaluate import FrameBoxes, match_detections, precision_recall_f1
from reid_tracker.train.detector.pictures import read_yolo_pictures

logger = logging.getLogger(__name__)

_MIN_CONFIDENCE = 0.01
_FEWEST = 50
"""Minimum number of true and of false positives for a fit."""
_NEWTON_STEPS = 50


class Measured(NamedTuple):
    """A detector's results on labelled pictures.

    Attributes:
        scores: (N,) float64 confidences of its detections.
        hits: (N,) bool, whether each detection is a true positive.
        people: number of people in the pictures.
    """

    scores: FloatArray
    hits: BoolArray
    people: int


def measure(weights: Path, folder: Path, part: str) -> Measured:
    """Run a detector over labelled pictures.

    Args:
        weights: the detector's file.
        folder: pictures in YOLO form: images/ and labels/.
        part: part of the data set, such as "whole".
    """
    pictures = list(read_yolo_pictures(folder, part))
    detector = build_detector(weights, conf=_MIN_CONFIDENCE, device="cpu")
    found = [detector.detect(picture.image) for picture in pictures]
    hits = match_detections(
        _in_frames([item.boxes for item in found], [item.scores for item in found]),
        _in_frames([item.boxes for item in pictures], [np.ones(len(p.boxes)) for p in pictures]),
    )
    scores = np.concatenate([item.scores for item in found]).astype(np.float64)
    return Measured(scores, hits, sum(len(picture.boxes) for picture in pictures))


def calibrate(measured: Measured, default: float) -> tuple[float, float] | None:
    """Return the slope and offset of the logit that give confidences their meaning.

    Args:
        measured: results on held-out pictures.
        default: the threshold at which F1 will have its maximum, in (0, 1).

    Returns:
        (slope, offset); None if there is too little to fit.
    """
    probability = fit(measured.scores, measured.hits)
    if probability is None:
        return None
    slope, offset = probability
    thresholds = np.unique(measured.scores)
    f1 = precision_recall_f1(measured.scores, measured.hits, measured.people, thresholds.tolist())
    return slope, offset + float(logit(default) - logit(f1[:, 2].max() / 2))


def fit(scores: FloatArray, hits: BoolArray) -> tuple[float, float] | None:
    """Fit slope and offset so that sigmoid(slope * logit(score) + offset) is the hit rate.

    Args:
        scores: (N,) confidences in (0, 1).
        hits: (N,) whether each was right.

    Returns:
        (slope, offset); None if there is too little to fit.
    """
    right, wrong = int(hits.sum()), int((~hits).sum())
    if min(right, wrong) < _FEWEST:
        return None
    # Platt's targets, slightly inside 0 and 1: otherwise the slope would be infinite if a threshold
    # separated all hits from all misses.
    targets = np.where(hits, (right + 1) / (right + 2), 1 / (wrong + 2))
    inputs = np.stack([logit(np.clip(scores, 1e-4, 1 - 1e-4)), np.ones(len(scores))], axis=1)
    weights = np.array([1.0, 0.0])
    for _ in range(_NEWTON_STEPS):
        chance = expit(inputs @ weights)
        gradient = inputs.T @ (targets - chance)
        curvature = (inputs * (chance * (1 - chance))[:, None]).T @ inputs
        step = np.linalg.solve(curvature + 1e-9 * np.eye(2), gradient)
        weights = weights + step
        if np.abs(step).max() < 1e-9:
            break
    return float(weights[0]), float(weights[1])


def fold(net: Any, slope: float, offset: float) -> bool:
    """Apply a calibration to the last layers of a YOLO's class branch, in place.

    Returns:
        Whether the net has such layers.
    """
    branches = getattr(net.model[-1], "cv3", None)
    if branches is None:
        return False
    with torch.no_grad():
        for branch in branches:
            branch[-1].weight.mul_(slope)
            branch[-1].bias.mul_(slope).add_(offset)
    return True


def _in_frames(boxes: list[Any], scores: list[Any]) -> FrameBoxes:
    frames = np.repeat(np.arange(len(boxes)), [len(part) for part in boxes])
    return FrameBoxes(
        frames.astype(np.int64),
        np.concatenate(boxes).astype(np.float64).reshape(-1, 4),
        np.concatenate(scores).astype(np.float64),
    )
