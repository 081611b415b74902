"""Frames, boxes and encoders that the tests of plug-ins share, and hosts that may be missing."""

from __future__ import annotations

import importlib
import os
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from reid_tracker.encode import Encoder, build_encoder
from reid_tracker.encode.base import Crops
from reid_tracker.encode.pooled import PooledEncoder
from reid_tracker.geometry import tlwh_to_xyxy
from reid_tracker.types import Detections, Embeddings, ImageBGR
from reid_tracker.video.images import read_image
from tests.conftest import ROOT, shared

BOX = np.array([[30, 20, 70, 90]], np.float32)
"""Where the person of `scene` stands, xyxy."""
COLOUR = np.array([10, 200, 60], np.float32) / np.linalg.norm([10, 200, 60])
"""Its embedding by `colours`: blue, green, red. Another box or order of channels gives another."""


def host(module: str) -> Any:
    """Import a host, or skip the test; with REID_NEED_HOSTS=1, as .ci/hosts sets it, fail."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        if os.environ.get("REID_NEED_HOSTS"):
            raise
        pytest.skip(f"needs the host {module}: {error}; see .ci/hosts")


class _MeanColour:
    """A back end that gives the mean blue, green and red of a crop."""

    input_size = (16, 8)
    embedding_size = 3

    def run(self, crops: Crops) -> npt.NDArray[np.float32]:
        return np.asarray(crops.mean(axis=(1, 2)), np.float32)


def colours() -> Encoder:
    """An encoder whose rows are the mean colours of boxes."""
    return PooledEncoder(_MeanColour())


def scene() -> ImageBGR:
    """A person of one colour at `BOX`, before another colour."""
    image = np.full((100, 200, 3), (200, 10, 10), np.uint8)
    image[20:90, 30:70] = (10, 200, 60)
    return image


@cache
def encoder() -> Encoder:
    """The smallest encoder that is shipped."""
    return build_encoder(ROOT / "weights" / "osnet_x0_25_cuhk03.onnx", device="cpu")


@cache
def tud_campus(frames: int = 40) -> list[tuple[ImageBGR, Detections, Embeddings]]:
    """The first frames of TUD-Campus, their detections, and our embeddings of these, by hand."""
    folder = shared("data", "mot", "TUD-Campus")
    table = np.loadtxt(folder / "det" / "det.txt", delimiter=",")
    found = []
    for number in range(1, frames + 1):
        image = read_image(folder / "img1" / f"{number:06d}.jpg")
        rows = table[table[:, 0] == number]
        scores = np.clip(rows[:, 6] / 100, 0.5, 1)
        boxes = tlwh_to_xyxy(rows[:, 2:6]).astype(np.float32)
        detections = Detections(boxes, scores, np.zeros(len(rows)))  # type: ignore[arg-type]
        found.append((image, detections, encoder().encode(image, detections.boxes)))
    return found


def rows_of(detections: Detections) -> npt.NDArray[np.float32]:
    """(N, 6) x1, y1, x2, y2, confidence, class."""
    return np.column_stack([detections.boxes, detections.scores, detections.classes])
