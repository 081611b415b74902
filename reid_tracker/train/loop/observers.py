"""Observers of a run, such as a TensorBoard log."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from reid_tracker.errors import MissingDependencyError
from reid_tracker.train.loop.history import EpochRecord


class Observer(Protocol):
    """Receives the progress of a run; called in the main process only."""

    def on_step(self, epoch: int, step: int, steps: int, loss: float) -> None:
        """Called after a step.

        Args:
            epoch: from 1.
            step: step of the epoch, from 1.
            steps: number of steps in an epoch.
            loss: total of this step.
        """

    def on_epoch(self, record: EpochRecord) -> None:
        """Called after an epoch."""


class TensorBoardObserver:
    """Scalars for TensorBoard: losses, learning rate, speed and held-out scores of each epoch.

    Args:
        folder: the folder for event files.

    Raises:
        MissingDependencyError: tensorboard is not installed.
    """

    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise MissingDependencyError(
                "--tensorboard needs the package tensorboard; "
                "install it with pip install 'reid-tracker[train]'"
            ) from None
        self._open: Any = SummaryWriter
        self._folder = folder
        self._writer: Any = None

    def __enter__(self) -> TensorBoardObserver:
        return self

    def __exit__(self, *reason: object) -> None:
        if self._writer is not None:
            self._writer.close()

    def on_step(self, epoch: int, step: int, steps: int, loss: float) -> None:
        """Do nothing: one value for each epoch is enough."""

    def on_epoch(self, record: EpochRecord) -> None:
        """Write the scalars, and flush them."""
        if self._writer is None:
            # A killed run may have logged an epoch that no checkpoint holds; it is trained again.
            self._writer = self._open(str(self._folder), purge_step=record.epoch)
        scalars = {f"loss/{name}": value for name, value in record.losses.items()}
        scalars |= {"lr": record.lr, "images_per_s": record.images_per_s}
        if record.rank1 is not None and record.mean_ap is not None:
            scalars |= {"held_out/rank-1": record.rank1, "held_out/mAP": record.mean_ap}
        for name, value in scalars.items():
            self._writer.add_scalar(name, value, record.epoch)
        self._writer.flush()
