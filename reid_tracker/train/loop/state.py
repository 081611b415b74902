"""The state of a run, which changes in training and is saved in checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from reid_tracker.config.checked import to_yaml
from reid_tracker.errors import WeightsError
from reid_tracker.osnet import INPUT_SIZE_KEY, EmbeddingNet
from reid_tracker.train.batches.patches import PatchPool
from reid_tracker.train.checkpoint import save_checkpoint
from reid_tracker.train.loop.ema import WeightAverage
from reid_tracker.train.loop.history import History
from reid_tracker.train.loop.net import build_net
from reid_tracker.train.loop.optimiser import build_optimiser
from reid_tracker.train.loop.resume import read_earlier
from reid_tracker.train.loop.sums import LossSums
from reid_tracker.train.losses.student import Student
from reid_tracker.train.recipe import Recipe


class TrainingState:
    """Net, optimiser, average, and the position in the run.

    Args:
        recipe: of the run.
        identities: number of training identities.
        device: the net's device.
        pool: the pool of patches, or None.
        widths: length of each teacher's embeddings.

    Attributes:
        student: the net with the modules that only training needs, not wrapped.
        optimiser: optimiser of all parameters of `student`.
        average: moving average of the net's weights, or None.
        scaler: gradient scaler for float16; disabled in other precisions.
        epoch: number of finished epochs.
        step: number of finished steps of the current epoch.
        history: figures of the finished epochs.
        sums: sums of the current epoch's losses.
    """

    def __init__(
        self,
        recipe: Recipe,
        identities: int,
        device: torch.device,
        pool: PatchPool | None = None,
        widths: tuple[int, ...] = (),
    ) -> None:
        torch.manual_seed(recipe.seed)
        self._recipe = recipe
        self._pool = pool
        layout = torch.channels_last if recipe.channels_last else torch.contiguous_format
        loss = recipe.loss
        net = build_net(recipe.model, identities if loss.cross_entropy > 0 else 0)
        self.student = Student(
            net,
            identities if loss.am_softmax > 0 else 0,
            widths if loss.distil_cosine > 0 else (),
        )
        self.student.to(device, memory_format=layout)  # type: ignore[call-overload]
        self.optimiser = build_optimiser(self.student, recipe.optimiser)
        self.average = WeightAverage(self.net, recipe.ema_decay) if recipe.ema_decay else None
        self.scaler = torch.amp.GradScaler(device.type, enabled=recipe.precision == "float16")
        self.epoch = 0
        self.step = 0
        self.history = History()
        self.sums = LossSums(device)

    @property
    def net(self) -> EmbeddingNet:
        """The net alone."""
        return self.student.net

    @property
    def kept(self) -> nn.Module:
        """The net whose weights are the result: the average if there is one."""
        return self.net if self.average is None else self.average.net

    def save(self, path: Path) -> None:
        """Write a checkpoint.

        Raises:
            OutputError: it cannot be written; the previous one is unharmed.
        """
        phase = self._recipe.phase_at(self.epoch)
        content: dict[str, Any] = {
            "state_dict": self.kept.state_dict(),
            INPUT_SIZE_KEY: [phase.height, phase.width],
            "recipe": to_yaml(self._recipe),
            "net": self.net.state_dict(),
            "extras": self.student.extras(),
            "optimiser": self.optimiser.state_dict(),
            "scaler": self.scaler.state_dict(),
            "average_updates": 0 if self.average is None else self.average.updates,
            "patches": None if self._pool is None else self._pool.state(),
            "random": torch.get_rng_state(),
            "epoch": self.epoch,
            "step": self.step,
            "sums": self.sums.values(),
            "history": self.history.state(),
        }
        save_checkpoint(content, path)

    def load(self, path: Path) -> None:
        """Continue from a checkpoint, with this run's recipe for settings that may change.

        Raises:
            WeightsError: the file is missing, damaged, or of another net.
            ConfigError: its recipe differs in a setting that a run cannot change.
        """
        content = read_earlier(path, self._recipe)
        weights = {f"net.{name}": value for name, value in content["net"].items()}
        weights |= content.get("extras", {})
        self._check_student(weights, path)
        self.student.load_state_dict(weights)
        if self.average is not None:
            self.average.net.load_state_dict(content["state_dict"])
            self.average.updates = content["average_updates"]
        self._load_optimiser(content["optimiser"])
        if content["scaler"]:  # empty after another precision than float16
            self.scaler.load_state_dict(content["scaler"])
        if self._pool is not None and content["patches"] is not None:
            self._pool.load(content["patches"])
        torch.set_rng_state(content["random"])
        self.epoch, self.step = content["epoch"], content["step"]
        self.sums.reset(content["sums"])
        self.history = History.from_state(content["history"])

    def _load_optimiser(self, earlier: dict[str, Any]) -> None:
        """Load moments and step counts, but not settings, which the recipe may have changed."""
        # Not the learning rate: the schedule sets it before every step.
        own: list[dict[str, Any]] = [
            {key: group[key] for key in ("weight_decay", "betas", "momentum") if key in group}
            for group in self.optimiser.param_groups
        ]
        self.optimiser.load_state_dict(earlier)
        for group, settings in zip(self.optimiser.param_groups, own, strict=True):
            group.update(settings)

    def _check_student(self, weights: dict[str, torch.Tensor], path: Path) -> None:
        own = self.student.state_dict()
        different = [
            key
            for key in own.keys() | weights.keys()
            if key not in own or key not in weights or own[key].shape != weights[key].shape
        ]
        if different:
            raise WeightsError(
                f"{path} is a checkpoint of another architecture or data set: {len(different)} "
                f"tensors differ from {self._recipe.model.name}, such as {min(different)}; resume "
                "with the recipe and data that made it, or restart with another --output"
            )
