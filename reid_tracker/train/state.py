"""All that changes while a run trains, and how it goes into a checkpoint and out again."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import torch
from torch import nn

from reid_tracker.checked import to_yaml
from reid_tracker.errors import ConfigError, WeightsError
from reid_tracker.osnet import (
    OSNETS,
    EmbeddingNet,
    load_checkpoint,
    load_onnx_weights,
    load_weights,
)
from reid_tracker.train.checkpoint import read_checkpoint, save_checkpoint
from reid_tracker.train.ema import WeightAverage
from reid_tracker.train.history import History
from reid_tracker.train.optimiser import build_optimiser
from reid_tracker.train.patches import PatchPool
from reid_tracker.train.recipe import ModelRecipe, Recipe

logger = logging.getLogger(__name__)


class TrainingState:
    """Net, optimiser, average, and the position in the run.

    Args:
        recipe: of the run.
        identities: number of training identities.
        device: where the net lives.
        pool: of patches, or None.

    Attributes:
        net: the net, not wrapped.
        optimiser: over its parameters.
        average: moving average of its weights, or None.
        scaler: of float16 gradients; switched off in other precisions.
        epoch: finished epochs.
        step: finished steps of the running epoch.
        history: figures of the finished epochs.
        sums: of the running epoch's losses, by name.
    """

    def __init__(
        self,
        recipe: Recipe,
        identities: int,
        device: torch.device,
        pool: PatchPool | None = None,
    ) -> None:
        torch.manual_seed(recipe.seed)
        self._recipe = recipe
        self._pool = pool
        layout = torch.channels_last if recipe.channels_last else torch.contiguous_format
        self.net: EmbeddingNet = build_net(recipe.model, identities)
        self.net.to(device, memory_format=layout)  # type: ignore[call-overload]
        self.optimiser = build_optimiser(self.net, recipe.optimiser)
        self.average = WeightAverage(self.net, recipe.ema_decay) if recipe.ema_decay else None
        self.scaler = torch.amp.GradScaler(device.type, enabled=recipe.precision == "float16")
        self.epoch = 0
        self.step = 0
        self.history = History()
        self.sums: dict[str, float] = {}

    @property
    def kept(self) -> nn.Module:
        """The net whose weights are the result: the average where there is one."""
        return self.net if self.average is None else self.average.net

    def save(self, path: Path) -> None:
        """Write a checkpoint.

        Raises:
            OutputError: it cannot be written; the previous one is unharmed.
        """
        content: dict[str, Any] = {
            "state_dict": self.kept.state_dict(),
            "recipe": to_yaml(self._recipe),
            "net": self.net.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "scaler": self.scaler.state_dict(),
            "average_updates": 0 if self.average is None else self.average.updates,
            "patches": None if self._pool is None else self._pool.state(),
            "random": torch.get_rng_state(),
            "epoch": self.epoch,
            "step": self.step,
            "sums": dict(self.sums),
            "history": self.history.state(),
        }
        save_checkpoint(content, path)

    def load(self, path: Path) -> None:
        """Continue from a checkpoint.

        Raises:
            WeightsError: the file is missing, damaged, or of another net.
        """
        content = read_checkpoint(path)
        self._check_net(content["net"], path)
        if content["recipe"] != to_yaml(self._recipe):
            logger.warning("%s was made by another recipe; the run goes on with the new one", path)
        self.net.load_state_dict(content["net"])
        if self.average is not None:
            self.average.net.load_state_dict(content["state_dict"])
            self.average.updates = content["average_updates"]
        self.optimiser.load_state_dict(content["optimiser"])
        self.scaler.load_state_dict(content["scaler"])
        if self._pool is not None and content["patches"] is not None:
            self._pool.load(content["patches"])
        torch.set_rng_state(content["random"])
        self.epoch, self.step = content["epoch"], content["step"]
        self.sums = dict(content["sums"])
        self.history = History.from_state(content["history"])

    def _check_net(self, weights: dict[str, torch.Tensor], path: Path) -> None:
        own = self.net.state_dict()
        different = [
            key
            for key in own.keys() | weights.keys()
            if key not in own or key not in weights or own[key].shape != weights[key].shape
        ]
        if different:
            raise WeightsError(
                f"{path} is a checkpoint of another architecture or data set: {len(different)} "
                f"tensors differ from {self._recipe.model.name}, such as {min(different)}; resume "
                "with the recipe and data that made it, or start anew with another --output"
            )


def build_net(recipe: ModelRecipe, identities: int) -> EmbeddingNet:
    """Build the net of a recipe with a classifier; its weights follow from PyTorch's seed.

    Raises:
        ConfigError: the name or an option is unknown.
        WeightsError: the weights to start from do not fit.
    """
    if recipe.name not in OSNETS:
        raise ConfigError(f"model.name = {recipe.name}: expected one of {', '.join(OSNETS)}")
    net = OSNETS[recipe.name](
        identities,
        return_embeddings=True,
        streams=recipe.streams,
        aggregation=recipe.aggregation,
        same_depth=recipe.same_depth,
        lite=recipe.lite,
    )
    if recipe.weights:
        path = Path(recipe.weights)
        read = load_onnx_weights if path.suffix.lower() == ".onnx" else load_checkpoint
        load_weights(net, read(path), source=str(path))
    return net
