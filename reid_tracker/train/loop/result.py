"""The files of a finished run: weights, and ONNX for faster inference on CPUs."""

from __future__ import annotations

import copy
import inspect
import io
import warnings
from pathlib import Path

import torch
from torch import nn

from reid_tracker.osnet import INPUT_SIZE_KEY, fold_batch_norm
from reid_tracker.train.checkpoint import save_checkpoint, write_atomically
from reid_tracker.zoo.content import content_of
from reid_tracker.zoo.spaces import SPACE_KEY

RESULT = "model.pth"
"""Weights without the classifier, which belongs to the identities of the training set."""

ONNX_RESULT = "model.onnx"
"""Batch norm folded; images (B, 3, H, W) of the last phase's size in, (B, 512) embeddings out."""


def write_result(net: nn.Module, folder: Path, size: tuple[int, int]) -> None:
    """Write the weights of a trained net, and its ONNX form.

    Args:
        net: an OSNet; it is not changed.
        folder: of the run.
        size: (height, width) of the images that both take.

    Raises:
        OutputError: a file cannot be written; an earlier one of its name is unharmed.
    """
    state = {
        name: tensor.detach().cpu().contiguous()
        for name, tensor in net.state_dict().items()
        if not name.startswith("classifier.")
    }
    save_checkpoint({"state_dict": state, INPUT_SIZE_KEY: list(size)}, folder / RESULT)
    space = _metadata(SPACE_KEY, content_of(folder / RESULT).sha256)
    write_atomically(folder / ONNX_RESULT, to_onnx(net, size) + space)


def _metadata(key: str, value: str) -> bytes:
    """Return an entry of metadata to append to an ONNX file.

    The file is a message of protobuf, in which a list (metadata_props, field 14) goes on wherever
    its number stands again. Lengths are below 128 here, so that each takes one byte.
    """
    parts = [(1, key.encode()), (2, value.encode())]
    entry = b"".join(bytes([number << 3 | 2, len(part)]) + part for number, part in parts)
    return bytes([14 << 3 | 2, len(entry)]) + entry


def to_onnx(net: nn.Module, size: tuple[int, int]) -> bytes:
    """Return an OSNet as an ONNX file with any batch size.

    Args:
        net: not changed.
        size: (height, width) of its images.
    """
    folded = fold_batch_norm(copy.deepcopy(net).cpu().eval())
    folded = folded.to(memory_format=torch.contiguous_format)
    # The exporter that needs no further package; older versions of torch know no other.
    choice = (
        {"dynamo": False} if "dynamo" in inspect.signature(torch.onnx.export).parameters else {}
    )
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            folded,
            (torch.zeros(2, 3, *size),),
            file,  # type: ignore[arg-type]
            input_names=["images"],
            output_names=["embeddings"],
            dynamic_axes={"images": {0: "batch"}, "embeddings": {0: "batch"}},
            **choice,  # type: ignore[arg-type]
        )
    return file.getvalue()
