"""Metrics of a run by epoch, and their file."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reid_tracker.train.checkpoint import write_atomically


@dataclass(frozen=True)
class EpochRecord:
    """One epoch's figures.

    Attributes:
        epoch: from 1.
        height: of the images.
        lr: learning rate of the last step.
        losses: mean of each loss, by name, and their sum as "total".
        images_per_s: speed, including unlabelled crops.
        rank1: of the held-out identities, or None.
        mean_ap: of the held-out identities, or None.
    """

    epoch: int
    height: int
    lr: float
    losses: Mapping[str, float]
    images_per_s: float
    rank1: float | None = None
    mean_ap: float | None = None

    def describe(self) -> str:
        """Return the figures as one line."""
        losses = " ".join(f"{name} {value:.4f}" for name, value in self.losses.items())
        scores = "" if self.rank1 is None else f" | rank-1 {self.rank1:.4f} mAP {self.mean_ap:.4f}"
        return (
            f"epoch {self.epoch} ({self.height} px) lr {self.lr:.2e} {losses} | "
            f"{self.images_per_s:.0f} images/s{scores}"
        )


@dataclass
class History:
    """The records of all finished epochs, in order."""

    records: list[EpochRecord] = field(default_factory=list)

    def write(self, path: Path) -> None:
        """Write the records as JSON lines.

        Raises:
            OutputError: the file cannot be written.
        """
        lines = [json.dumps(dataclasses.asdict(record)) + "\n" for record in self.records]
        write_atomically(path, "".join(lines).encode())

    def state(self) -> list[dict[str, Any]]:
        """Return the records as plain data, for a checkpoint."""
        return [dataclasses.asdict(record) for record in self.records]

    @classmethod
    def from_state(cls, state: list[dict[str, Any]]) -> History:
        """Restore the result of `state`."""
        return cls([EpochRecord(**record) for record in state])
