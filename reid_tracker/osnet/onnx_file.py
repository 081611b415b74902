"""Writes a network as an ONNX file."""

from __future__ import annotations

import copy
import inspect
import io
import warnings

import torch
from torch import nn

from reid_tracker.osnet.fold import fold_batch_norm


def to_onnx(net: nn.Module, size: tuple[int, int]) -> bytes:
    """Return an OSNet as an ONNX file with any batch size.

    Args:
        net: the network; not changed.
        size: (height, width) of its images.
    """
    folded = fold_batch_norm(copy.deepcopy(net).cpu().eval())
    folded = folded.to(memory_format=torch.contiguous_format)
    # This exporter needs no other package, and old versions of torch have only this one.
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
