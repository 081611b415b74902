"""Accumulates losses on the device, without synchronising at each step."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from reid_tracker.errors import ReidTrackerError


class LossSums:
    """Sums of each loss, by name.

    Args:
        device: the device of the losses.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        # Apple's GPUs have no float64.
        self._dtype = torch.float32 if device.type == "mps" else torch.float64
        self._sums: dict[str, Tensor] = {}

    def add(self, terms: Mapping[str, Tensor]) -> None:
        """Add the losses of a step."""
        for name, value in terms.items():
            number = value.detach().to(self._dtype)
            self._sums[name] = self._sums[name] + number if name in self._sums else number

    def check(self, where: str, advice: str) -> None:
        """Raise an error if a loss has been non-finite since the start of the epoch.

        Raises:
            ReidTrackerError: names the loss, and `where`.
        """
        for name, value in self.values().items():
            if value - value != 0:
                raise ReidTrackerError(f"loss {name} is {value} {where}; {advice}")

    def values(self) -> dict[str, float]:
        """Return the sums as numbers; copies once from the device."""
        if not self._sums:
            return {}
        numbers = torch.stack(list(self._sums.values())).tolist()
        return dict(zip(self._sums, numbers, strict=True))

    def reset(self, values: Mapping[str, float] | None = None) -> None:
        """Start from zero, or from the result of `values`."""
        self._sums = {
            name: torch.tensor(value, dtype=self._dtype, device=self._device)
            for name, value in (values or {}).items()
        }
