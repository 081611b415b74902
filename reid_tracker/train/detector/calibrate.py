"""Makes a detector's confidence the probability that a detection is a person.

Platt, "Probabilistic outputs for support vector machines", 1999: a logistic regression of what
turned out to be right on the logit of the confidence, here on the held-out pictures of the run. It
is folded into the layers that give the confidence, so it costs nothing and every export has it.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import expit

from reid_tracker.detect import build_detector
from reid_tracker.evaluate import FrameBoxes, match_detections
from reid_tracker.train.detector.pictures import read_yolo_pictures

logger = logging.getLogger(__name__)

_LEAST_CONFIDENCE = 0.01
_FEWEST = 50
"""So many right and so many wrong detections are needed for a fit."""
_NEWTON_STEPS = 50

Floats = npt.NDArray[np.float64]


def measure(weights: Path, folder: Path, part: str) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Run a detector over labelled pictures.

    Args:
        weights: of the detector.
        folder: pictures in YOLO form, all of one size: images/ and labels/.
        part: of the pictures: "val".

    Returns:
        (N,) float64 confidences of its detections, and (N,) bool which of them are people.
    """
    pictures = list(read_yolo_pictures(folder, part))
    side = max(pictures[0].image.shape[:2])
    detector = build_detector(weights, conf=_LEAST_CONFIDENCE, image_size=side, device="cpu")
    found = [detector.detect(picture.image) for picture in pictures]
    hits = match_detections(
        _in_frames([item.boxes for item in found], [item.scores for item in found]),
        _in_frames([item.boxes for item in pictures], [np.ones(len(p.boxes)) for p in pictures]),
    )
    return np.concatenate([item.scores for item in found]).astype(np.float64), hits


def fit(scores: Floats, hits: npt.NDArray[np.bool_]) -> tuple[float, float] | None:
    """Fit slope and offset so that sigmoid(slope * logit(score) + offset) is the hit rate.

    Args:
        scores: (N,) confidences in (0, 1).
        hits: (N,) which were right.

    Returns:
        (slope, offset); None where there is too little to fit.
    """
    right, wrong = int(hits.sum()), int((~hits).sum())
    if min(right, wrong) < _FEWEST:
        return None
    # Platt's targets, short of 0 and 1: without them, hits that a threshold separates from misses
    # would give an infinite slope.
    targets = np.where(hits, (right + 1) / (right + 2), 1 / (wrong + 2))
    clipped = np.clip(scores, 1e-4, 1 - 1e-4)
    inputs = np.stack([np.log(clipped / (1 - clipped)), np.ones(len(scores))], axis=1)
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
