"""Scores a net on labelled images while it trains."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from reid_tracker.evaluate import Labels, ReidScores, Samples, evaluate_reid
from reid_tracker.train.batches.augment import standardise
from reid_tracker.train.batches.materials import LabelledCrops
from reid_tracker.train.images import CropSource, to_unit_rgb

_BATCH = 64


def score(
    net: nn.Module,
    query: LabelledCrops,
    gallery: LabelledCrops,
    size: tuple[int, int],
) -> ReidScores:
    """Search for query images in the gallery, by the rules of Market-1501 and by cosine.

    Args:
        net: its mode is kept; it should be in eval mode.
        query: labels and crops.
        gallery: labels and crops.
        size: (height, width) of the network's input.
    """
    found = [
        Samples(
            embed(net, split.crops, size), Labels(split.images.identities, split.images.cameras)
        )
        for split in (query, gallery)
    ]
    return evaluate_reid(found[0], found[1])


@torch.inference_mode()
def embed(net: nn.Module, crops: CropSource, size: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Return the embeddings of all crops, (N, D) float32 of any length."""
    first = next(net.parameters())
    parts = []
    for start in range(0, len(crops), _BATCH):
        rows = np.arange(start, min(start + _BATCH, len(crops)))
        images = standardise(to_unit_rgb(crops.take(rows, size))).to(first.device)
        parts.append(net(images).float().cpu().numpy())
    return np.concatenate(parts)
