"""Small nets, pictures and training runs for the tests of explain/: no weights, no photographs."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from reid_tracker.osnet import EmbeddingNet, osnet_x0_25
from reid_tracker.train import METRICS
from reid_tracker.train.loop.history import EpochRecord, History
from reid_tracker.types import ImageBGR

# Blue, green, red.
COLOURS = ((200, 40, 30), (30, 180, 60), (40, 40, 220), (220, 220, 40), (150, 60, 200))


@cache
def tiny_net(**options: Any) -> EmbeddingNet:
    """An untrained OSNet x0.25, the same in every test."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = osnet_x0_25(**options).eval().requires_grad_(False)
        # Fresh gates answer 0.5 to everything; a wider spread makes them depend on the picture.
        for name, parameter in net.named_parameters():
            if ".gate." in name and parameter.ndim == 4:
                parameter.normal_(std=2.0)
    return net


def pictures(count: int, seed: int = 0) -> list[ImageBGR]:
    """Pictures of different sizes: a plain person on noise."""
    generator = np.random.default_rng(seed)
    images = []
    for number in range(count):
        height, width = 60 + number % 5, 30 + number % 3
        image: npt.NDArray[np.uint8] = generator.integers(
            0, 256, (height, width, 3), dtype=np.uint8
        )
        image[10:50, 8:20] = COLOURS[number % len(COLOURS)]
        images.append(image)
    return images


def write_run(folder: Path, epochs: int = 6, **losses: float) -> Path:
    """Write what a run of two image sizes leaves behind."""
    folder.mkdir(parents=True, exist_ok=True)
    records = []
    for epoch in range(1, epochs + 1):
        scored = epoch % 2 == 0
        records.append(
            EpochRecord(
                epoch=epoch,
                height=128 if epoch <= 3 else 256,
                lr=0.01 / epoch,
                losses={"cross_entropy": 5 / epoch, **losses, "total": 6 / epoch},
                images_per_s=100.0,
                rank1=0.1 * epoch if scored else None,
                mean_ap=0.05 * epoch if scored else None,
            )
        )
    History(records).write(folder / METRICS)
    return folder
