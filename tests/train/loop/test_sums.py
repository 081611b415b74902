from __future__ import annotations

import pytest
import torch

from reid_tracker.errors import ReidTrackerError
from reid_tracker.train.loop.sums import LossSums


def test_sums_go_into_a_checkpoint_and_back() -> None:
    device = torch.device("cpu")
    sums, again = LossSums(device), LossSums(device)
    values = torch.rand(9, generator=torch.Generator().manual_seed(0))
    for value in values[:4]:
        sums.add({"a": value, "b": 2 * value})
    again.reset(sums.values())
    for value in values[4:]:
        sums.add({"a": value, "b": 2 * value})
        again.add({"a": value, "b": 2 * value})
    assert sums.values() == again.values()
    assert sums.values()["a"] == pytest.approx(values.double().sum().item())
    sums.reset()
    assert sums.values() == {}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_is_named(value: float) -> None:
    sums = LossSums(torch.device("cpu"))
    sums.add({"a": torch.tensor(1.0), "b": torch.tensor(value)})
    sums.add({"a": torch.tensor(1.0), "b": torch.tensor(1.0)})
    with pytest.raises(ReidTrackerError, match=r"loss b is .* in step 3; try again"):
        sums.check("in step 3", "try again")
