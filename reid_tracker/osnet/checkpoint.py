"""Reads checkpoints: safe loading, strict matching, and recognition of the architecture."""

from __future__ import annotations

import contextlib
import importlib
import logging
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from reid_tracker.errors import WeightsError

logger = logging.getLogger(__name__)

StateDict = dict[str, Tensor]

INPUT_SIZE_KEY = "input_size"
"""Checkpoint entry: [height, width] of the training images, pixels."""

_MAX_SIDE = 4096
_WRAPPERS = ("state_dict", "model_state_dict", "model")
_WIDTHS = {64: "x1_0", 48: "x0_75", 32: "x0_5", 16: "x0_25"}
_AIN_KEY = "conv2.0.conv2.0.layers.0.conv1.weight"
_PLAIN_KEY = "conv2.0.conv2a.conv1.weight"
_IBN_KEY = "conv2.0.IN.weight"
_SHOWN = 5


def load_checkpoint(path: str | Path) -> StateDict:
    """Read the state dict of a PyTorch checkpoint to the CPU, without running code from the file.

    Accepts a bare state dict and training checkpoints of torchreid, which also contain optimizer
    state and scores. The prefix `module.` of DataParallel is removed.

    Raises:
        WeightsError: the file is missing, damaged, not a checkpoint, or would run code.
    """
    path = Path(path)
    content = _read(path)
    if isinstance(content, Mapping):
        for wrapper in _WRAPPERS:
            if isinstance(content.get(wrapper), Mapping):
                content = content[wrapper]
                break
    if not (
        isinstance(content, Mapping)
        and len(content) > 0
        and all(isinstance(k, str) and isinstance(v, Tensor) for k, v in content.items())
    ):
        found = f"a {type(content).__name__}"
        if isinstance(content, Mapping):
            found = f"a dict with {_listed('keys', map(str, content)) or 'no keys'}"
        raise WeightsError(
            f"{path}: contains {found}, not a state dict of named tensors; "
            "save one with torch.save(net.state_dict(), path)"
        )
    return {key.removeprefix("module."): value for key, value in content.items()}


def load_weights(
    net: nn.Module, state_dict: Mapping[str, Tensor], *, source: str = "the state dict"
) -> None:
    """Copy a state dict into a net; all tensors except the classifier's must match.

    A missing classifier, or one for another number of identities, is ignored and the net keeps its
    own. `num_batches_tracked` may be missing, as in old checkpoints.

    Args:
        net: changed in place, only if everything fits.
        state_dict: tensors by name.
        source: name of the state dict in errors, for example the file name.

    Raises:
        WeightsError: names or shapes differ; the message lists them.
    """
    own = net.state_dict()
    given = dict(state_dict)
    names = ("classifier.weight", "classifier.bias")
    if not all(n in own and n in given and own[n].shape == given[n].shape for n in names):
        foreign = [key for key in given if key.startswith("classifier.")]
        given = {key: value for key, value in given.items() if key not in foreign}
        if foreign:
            logger.info("%s: ignoring its classifier, which is for other identities", source)
    check_fit(net, given, source=source)
    net.load_state_dict({**own, **given})


def check_fit(net: nn.Module, state_dict: Mapping[str, Tensor], *, source: str) -> None:
    """Compare names and shapes of a state dict with those of a net.

    The classifier and `num_batches_tracked` may be missing.

    Raises:
        WeightsError: they differ; the message lists missing, unexpected and misshapen tensors.
    """
    own = net.state_dict()
    optional = {k for k in own if k.startswith("classifier.") or k.endswith("num_batches_tracked")}
    missing = [key for key in own if key not in state_dict and key not in optional]
    unexpected = [key for key in state_dict if key not in own]
    misshapen = [
        f"{key} {tuple(state_dict[key].shape)} instead of {tuple(own[key].shape)}"
        for key in own
        if key in state_dict and state_dict[key].shape != own[key].shape
    ]
    problems = [
        _listed("missing", missing),
        _listed("unexpected", unexpected),
        _listed("wrong shape", misshapen),
    ]
    if any(problems):
        raise WeightsError(
            f"{source} does not fit {type(net).__name__}: {'; '.join(filter(None, problems))}. "
            f"{_advice(own, state_dict)}"
        )


def infer_architecture(state_dict: Mapping[str, Tensor]) -> str:
    """Return the name (a key of `OSNETS`) of the published net that a state dict belongs to.

    Raises:
        WeightsError: the state dict belongs to no published net.
    """
    stem = state_dict.get("conv1.conv.weight")
    if stem is None or not {_PLAIN_KEY, _AIN_KEY} & state_dict.keys():
        raise WeightsError(
            f"not the weights of an OSNet: neither {_PLAIN_KEY} nor {_AIN_KEY} beside "
            "conv1.conv.weight; check that the file is an OSNet, OSNet-IBN or OSNet-AIN"
        )
    width = _WIDTHS.get(stem.shape[0])
    family = "osnet_ain" if _AIN_KEY in state_dict else "osnet"
    if family == "osnet" and _IBN_KEY in state_dict:
        family = "osnet_ibn"
    if width is None or (family == "osnet_ibn" and width != "x1_0"):
        raise WeightsError(
            f"no published {family} has {stem.shape[0]} channels in conv1, expected "
            f"{', '.join(map(str, _WIDTHS))} (osnet_ibn: 64); "
            "build the net yourself and call load_weights"
        )
    return f"{family}_{width}"


def load_input_size(path: str | Path) -> tuple[int, int] | None:
    """Return the (height, width) of a checkpoint's training images, pixels.

    None if the checkpoint lacks it, as those of torchreid do.

    Raises:
        WeightsError: the file is missing, damaged, or would run code.
    """
    content = _read(Path(path))
    size = content.get(INPUT_SIZE_KEY) if isinstance(content, Mapping) else None
    if not (isinstance(size, list) and len(size) == 2 and all(type(one) is int for one in size)):
        return None
    if not all(1 <= side <= _MAX_SIDE for side in size):
        raise WeightsError(f"{path}: images of {size} pixels; get the file again")
    return size[0], size[1]


def _read(path: Path) -> Any:
    if not path.is_file():
        raise WeightsError(f"{path}: no such file; check the path of the weights")
    with _numpy_allowed():
        try:
            return torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # a damaged pickle can raise almost any error
            blocked = re.search(r"GLOBAL ([\w.]+)", str(error))
            if blocked:
                raise WeightsError(
                    f"{path}: refused, because reading it would run code ({blocked[1]}) from the "
                    "file; ask its author for the bare state dict"
                ) from None
            step = "use load_onnx_weights" if path.suffix == ".onnx" else "get the file again"
            raise WeightsError(
                f"{path}: not a PyTorch checkpoint, or damaged ({type(error).__name__}); {step}"
            ) from None


def _numpy_allowed() -> contextlib.AbstractContextManager[None]:
    """Allow torch.load to read numpy numbers, since torchreid stores scores as such.

    The allowed functions only create numbers and arrays.
    """
    arrays = importlib.import_module("numpy._core.multiarray")
    functions = {"scalar": arrays.scalar, "_reconstruct": arrays._reconstruct}
    allowed: list[Any] = [np.dtype, np.ndarray]
    allowed += [type(np.dtype(kind)) for kind in "?bhilqBHILQefd"]
    # numpy 2 renamed the module, so a file may contain either name.
    allowed += [
        (function, f"numpy.{module}.multiarray.{name}")
        for module in ("core", "_core")
        for name, function in functions.items()
    ]
    return torch.serialization.safe_globals(allowed)


def _listed(label: str, items: Iterable[str]) -> str:
    names = list(items)
    if not names:
        return ""
    rest = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{label} {', '.join(names[:_SHOWN])}{rest}"


def _advice(own: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> str:
    """Name the net to build instead, if the tensors show it."""
    with contextlib.suppress(WeightsError):
        found = infer_architecture(given)
        try:
            wanted = infer_architecture(own)
        except WeightsError:
            return f"The weights look like {found}: build that net"
        if wanted != found:
            return f"The weights look like {found}, not {wanted}: build that net"
    return "Check that the file belongs to this net and its options"
