from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from reid_tracker.train.batches.materials import LabelledCrops
from reid_tracker.train.datasets import PersonImages
from reid_tracker.train.images import MemoryCrops
from reid_tracker.train.loop.validate import embed, score


class MeanColour(nn.Module):
    """Embeds an image as its mean colour."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, images: Tensor) -> Tensor:
        return images.mean((2, 3)) * self.weight


def people(camera: int, order: list[int]) -> LabelledCrops:
    colours = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255]], np.uint8)
    crops = np.repeat(colours[order], 8 * 4, axis=0).reshape(len(order), 8, 4, 3)
    images = PersonImages.from_rows((Path("a.png"), person + 1, camera) for person in order)
    return LabelledCrops(images, MemoryCrops(crops))


def test_people_of_other_colours_are_told_apart() -> None:
    found = score(MeanColour(), people(0, [0, 1, 2]), people(1, [2, 0, 1]), (8, 4))
    assert (found.rank(1), found.mean_ap) == (1.0, 1.0)


def test_embeddings_are_those_of_normalised_crops() -> None:
    rows = embed(MeanColour(), people(0, [0]).crops, (16, 8))  # blue in BGR
    expected = (np.array([0, 0, 1]) - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)
    assert np.allclose(rows, expected[None], atol=1e-4)
