"""Loads the OSNet of an encoder in PyTorch and prepares crops for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor

from reid_tracker.config import EncoderConfig
from reid_tracker.encode import resolve_model
from reid_tracker.encode.base import Crops
from reid_tracker.encode.preprocess import cut_crops, normalise
from reid_tracker.encode.torch_backend import resolve_device, seeded
from reid_tracker.errors import WeightsError
from reid_tracker.osnet import (
    OSNETS,
    EmbeddingNet,
    infer_architecture,
    load_checkpoint,
    load_input_size,
    load_onnx_weights,
    load_weights,
    onnx_input_size,
)
from reid_tracker.types import ImageBGR


def load_osnet(model: str | Path, *, device: str = "auto") -> EmbeddingNet:
    """Load an OSNet as a PyTorch module.

    Args:
        model: an OSNet checkpoint, an .onnx export of an OSNet, a name from `reid-track weights
            list`, "auto", or the name of a published size (untrained).
        device: "auto", "cpu", "cuda", "cuda:1", "mps".

    Returns:
        The net in eval mode, float32.

    Raises:
        WeightsError: the file is missing, damaged, or not a published OSNet.
        ConfigError: the device is not available.
        MissingDependencyError: an .onnx file needs the package onnx, which is not installed.
    """
    where = resolve_device(device)
    config = resolve_model(EncoderConfig(model=str(model)))
    name = config.model
    if name in OSNETS and not Path(name).exists():
        net = cast(EmbeddingNet, seeded(OSNETS[name]))
    else:
        if name.startswith("timm:") or name == "none":
            raise WeightsError(
                f"{name}: not an OSNet; expected a checkpoint (.pth) or an .onnx file of one"
            )
        onnx = name.lower().endswith(".onnx")
        state = load_onnx_weights(name) if onnx else load_checkpoint(name)
        try:
            architecture = config.architecture or infer_architecture(state)
        except WeightsError as error:
            raise WeightsError(f"{name}: {error}") from None
        net = OSNETS[architecture]()
        load_weights(net, state, source=name)
        size = onnx_input_size(name) if onnx else load_input_size(name)
        net.input_size = size or net.input_size
    return net.eval().requires_grad_(False).to(where)


def to_crops(images: Sequence[ImageBGR], size: tuple[int, int]) -> Crops:
    """Resize whole images to one size, in the same way as encoders.

    Args:
        images: N images, (H, W, 3) uint8 BGR, any sizes.
        size: (height, width) in pixels.

    Returns:
        (N, height, width, 3) uint8 BGR.
    """
    crops: Crops = np.empty((len(images), *size, 3), np.uint8)
    for row, image in enumerate(images):
        whole = np.array([[0, 0, image.shape[1], image.shape[0]]], np.float32)
        cut_crops(image, whole, crops[row : row + 1])
    return crops


def network_batches(net: torch.nn.Module, crops: Crops, batch_size: int) -> Iterator[Tensor]:
    """Yield network input: (b, 3, H, W) float32 normalised RGB on the device of the net."""
    device = next(net.parameters()).device
    for start in range(0, len(crops), batch_size):
        yield torch.from_numpy(normalise(crops[start : start + batch_size])).to(device)
