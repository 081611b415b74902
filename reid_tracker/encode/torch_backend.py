"""The torch back end: runs an OSNet, or any module that maps images to embeddings."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from reid_tracker.arrays import Float32Array
from reid_tracker.encode.base import Crops
from reid_tracker.encode.preprocess import IMAGENET, PERSON_SIZE, RAW, Normalisation
from reid_tracker.errors import ConfigError, WeightsError
from reid_tracker.osnet import (
    OSNETS,
    fold_batch_norm,
    infer_architecture,
    load_checkpoint,
    load_input_size,
    load_weights,
)

logger = logging.getLogger(__name__)

UNTRAINED_SEED = 0


class TorchNetwork:
    """A torch module that maps images (B, 3, H, W) to embeddings (B, D).

    Args:
        net: the module; put in eval mode and moved here.
        device: "auto" (CUDA, else MPS, else CPU), "cpu", "cuda", "cuda:1", "mps".
        half: run in float16; None means on CUDA only. The CPU always runs in float32.
        input_size: (height, width) of its images in pixels.
        normalisation: what it was trained with.

    Attributes:
        net: the module.
        normalisation: as given.

    Raises:
        ConfigError: the device is not available.
        WeightsError: the module does not give one row for each image.
    """

    def __init__(
        self,
        net: nn.Module,
        *,
        device: str = "auto",
        half: bool | None = None,
        input_size: tuple[int, int] = PERSON_SIZE,
        normalisation: Normalisation = IMAGENET,
    ) -> None:
        self.input_size = input_size
        self.device = resolve_device(device)
        self.dtype = resolve_dtype(self.device, half)
        self.normalisation = normalisation
        net = net.eval().requires_grad_(False)
        # Channels last is what the convolutions of CPUs and tensor cores are fastest with.
        self.net = net.to(self.device, self.dtype).to(memory_format=torch.channels_last)
        self._scale = torch.from_numpy(normalisation.scale).view(3, 1, 1).to(self.device)
        self._offset = torch.from_numpy(normalisation.offset).view(3, 1, 1).to(self.device)
        self.embedding_size: int = self._probe()
        logger.info("%s runs on %s in %s", type(net).__name__, self.device, self.dtype)

    def run(self, crops: Crops) -> Float32Array:
        """Embed (n, H, W, 3) uint8 BGR crops as (n, D) float32 rows."""
        with torch.inference_mode():
            rows: Float32Array = self._embed_bytes(crops).cpu().numpy()
        return rows

    def embed(self, crops: torch.Tensor) -> torch.Tensor:
        """Embed (n, H, W, 3) RGB crops of the device, floats from 0 to 255, as (n, D) float32."""
        images = crops.permute(0, 3, 1, 2)  # stays channels last in memory
        images = images.mul(self._scale).add_(self._offset).to(self.dtype)
        rows: torch.Tensor = self.net(images).float()
        return rows

    def _embed_bytes(self, crops: Crops) -> torch.Tensor:
        # Normalised on the device: bytes are a quarter of what floats would be to copy there.
        return self.embed(torch.from_numpy(crops).to(self.device).flip(-1).float())

    def _probe(self) -> int:
        rows = self.run(np.zeros((2, *self.input_size, 3), np.uint8))
        if rows.ndim != 2 or len(rows) != 2:
            raise WeightsError(
                f"{type(self.net).__name__} gives an array of shape {rows.shape} for 2 images, "
                "expected (2, D); it is not an embedding network"
            )
        return int(rows.shape[1])


def checkpoint_network(
    path: str | Path, architecture: str | None, device: str, half: bool | None
) -> TorchNetwork:
    """Load an OSNet from a torchreid-style checkpoint; see `TorchNetwork`.

    `architecture` is a key of `OSNETS`; None tells it from the weights. Images have the size that
    the checkpoint names.

    Raises:
        WeightsError: the file is missing, damaged, or does not fit the architecture.
        ConfigError: the device is not available.
    """
    state_dict = load_checkpoint(path)
    try:
        name = architecture or infer_architecture(state_dict)
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from None
    net = OSNETS[name]()
    load_weights(net, state_dict, source=str(path))
    size = load_input_size(path) or PERSON_SIZE
    return TorchNetwork(fold_batch_norm(net), device=device, half=half, input_size=size)


def untrained_network(name: str, device: str, half: bool | None) -> TorchNetwork:
    """Build a published OSNet with random weights, the same in every run.

    Raises:
        ConfigError: the device is not available.
    """
    net = fold_batch_norm(seeded(OSNETS[name]))
    network = TorchNetwork(net, device=device, half=half)
    logger.warning(
        "encoder %s is untrained: its embeddings tell people apart poorly; "
        "give a checkpoint (.pt, .pth) or an .onnx file to identify anyone",
        name,
    )
    return network


def with_types(net: nn.Module, normalisation: Normalisation | None, *, half: bool) -> nn.Module:
    """Return a module that takes and gives float32, for an export.

    Args:
        net: taken over.
        normalisation: what it does to images in [0, 1] first; None where they come normalised.
        half: compute in float16 in between.
    """
    return _Typed(net, normalisation, torch.float16 if half else torch.float32).eval()


class _Typed(nn.Module):
    def __init__(
        self, net: nn.Module, normalisation: Normalisation | None, dtype: torch.dtype
    ) -> None:
        super().__init__()
        self._net, self._dtype = net.to(dtype), dtype
        given = normalisation or RAW
        self._normalises = normalisation is not None
        self._mean = torch.tensor(given.mean).view(3, 1, 1)
        self._std = torch.tensor(given.std).view(3, 1, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if self._normalises:
            images = (images - self._mean) / self._std
        rows: torch.Tensor = self._net(images.to(self._dtype)).float()
        return rows


def seeded(build: Callable[[], nn.Module]) -> nn.Module:
    """Build a net from a fixed seed and leave torch's random state as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(UNTRAINED_SEED)
        return build()


def resolve_device(name: str) -> torch.device:
    """Return the torch device that a configuration's device name means.

    Raises:
        ConfigError: there is no such device here.
    """
    has_mps = torch.backends.mps.is_available()
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "mps" if has_mps else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda", "mps"):
        raise ConfigError(f"device = {name}: expected auto, cpu, cuda, cuda:N or mps")
    if device.type == "mps" and not has_mps:
        raise ConfigError(f"device = {name}: torch sees no Apple GPU; set device to cpu or auto")
    if device.type == "cuda":
        _check_cuda(name, device.index or 0)
    return device


def _check_cuda(name: str, index: int) -> None:
    if not torch.cuda.is_available():
        raise ConfigError(
            f"device = {name}: torch sees no CUDA GPU; set device to cpu or auto, or install a "
            "CUDA build of torch and its driver"
        )
    count = torch.cuda.device_count()
    if index >= count:
        raise ConfigError(
            f"device = {name}: torch sees {count} CUDA GPU(s), expected cuda:0 to cuda:{count - 1}"
        )


def resolve_dtype(device: torch.device, half: bool | None) -> torch.dtype:
    """Return float16 if asked for, or by default on CUDA; always float32 on the CPU."""
    if half is None:
        half = device.type == "cuda"
    if half and device.type == "cpu":
        logger.warning("half = true is for GPUs; the encoder runs in float32 on the CPU")
        half = False
    return torch.float16 if half else torch.float32
