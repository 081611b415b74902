"""What a finished run leaves: its weights, and the same network as ONNX, which CPUs run faster.

Averaging with the weights of an earlier step, or with those that the run began with, keeps what
training unlearns (Wortsman et al., "Robust fine-tuning of zero-shot models", 2022).
"""

from __future__ import annotations

import copy
import inspect
import io
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from reid_tracker.osnet import fold_batch_norm, load_checkpoint
from reid_tracker.train.checkpoint import save_checkpoint, write_atomically
from reid_tracker.train.loop.net import build_net
from reid_tracker.train.recipe import Recipe

RESULT = "model.pth"
"""Weights without the classifier, which belongs to the identities of the training set."""

ONNX_RESULT = "model.onnx"
"""Batch norm folded; images (B, 3, H, W) of the last phase's size in, (B, 512) embeddings out."""


def finish(net: nn.Module, recipe: Recipe) -> nn.Module:
    """Return the net that a run leaves; the one given is not changed.

    Args:
        net: an OSNet, trained.
        recipe: of the run.

    Raises:
        WeightsError: the weights to average with are gone or damaged.
    """
    net = copy.deepcopy(net).cpu().eval()
    if recipe.earlier_share:
        other = load_checkpoint(recipe.earlier) if recipe.earlier else _start(net, recipe)
        average_with(net, other, recipe.earlier_share)
    return net


def _start(net: nn.Module, recipe: Recipe) -> dict[str, Tensor]:
    """Return the weights that a run began with, without its classifier."""
    classes = net.state_dict().get("classifier.bias", ())
    # What the files leave open is drawn as it was then, which the size of the classifier decides.
    torch.manual_seed(recipe.seed)
    weights = build_net(recipe.model, len(classes)).state_dict()
    return {name: value for name, value in weights.items() if not name.startswith("classifier.")}


def average_with(net: nn.Module, other: dict[str, Tensor], share: float) -> None:
    """Mix weights into a net's, in place; those that only one of both has stay as they are.

    Args:
        net: of which 1 - share is kept.
        other: state dict of the same architecture.
        share: of `other` in the result.
    """
    mixed = {
        name: share * other[name].to(tensor) + (1 - share) * tensor
        for name, tensor in net.state_dict().items()
        if name in other and tensor.is_floating_point() and other[name].shape == tensor.shape
    }
    net.load_state_dict({**net.state_dict(), **mixed})


def write_result(net: nn.Module, folder: Path, size: tuple[int, int]) -> None:
    """Write the weights of a trained net, and its ONNX form.

    Args:
        net: an OSNet; it is not changed.
        folder: of the run.
        size: (height, width) of the images that the ONNX form takes.

    Raises:
        OutputError: a file cannot be written; an earlier one of its name is unharmed.
    """
    state = {
        name: tensor.detach().cpu().contiguous()
        for name, tensor in net.state_dict().items()
        if not name.startswith("classifier.")
    }
    save_checkpoint({"state_dict": state}, folder / RESULT)
    write_atomically(folder / ONNX_RESULT, to_onnx(net, size))


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
