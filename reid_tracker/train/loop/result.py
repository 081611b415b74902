"""The files of a finished run: weights, and ONNX for faster inference on CPUs."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from reid_tracker.osnet import INPUT_SIZE_KEY, to_onnx
from reid_tracker.train.checkpoint import save_checkpoint, write_atomically
from reid_tracker.zoo.content import content_of
from reid_tracker.zoo.metadata import SPACE_KEY, metadata_entry

RESULT = "model.pth"
"""Weights without the classifier, which belongs to the identities of the training set."""

ONNX_RESULT = "model.onnx"
"""Batch norm folded; images (B, 3, H, W) of the last phase's size in, (B, 512) embeddings out."""


def write_result(net: nn.Module, folder: Path, size: tuple[int, int]) -> None:
    """Write the weights of a trained net, and its ONNX form.

    Args:
        net: an OSNet; it is not changed.
        folder: the run's folder.
        size: (height, width) of the input images of both files.

    Raises:
        OutputError: a file cannot be written; an earlier file of that name is unharmed.
    """
    state = {
        name: tensor.detach().cpu().contiguous()
        for name, tensor in net.state_dict().items()
        if not name.startswith("classifier.")
    }
    save_checkpoint({"state_dict": state, INPUT_SIZE_KEY: list(size)}, folder / RESULT)
    space = metadata_entry(SPACE_KEY, content_of(folder / RESULT).sha256)
    write_atomically(folder / ONNX_RESULT, to_onnx(net, size) + space)
