"""Batches of whole tracklets."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from reid_tracker.errors import InputError
from tests.match.batch_worlds import batch


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tracks": np.array([1])}, r"tracks has shape \(1,\), expected \(2,\)"),
        ({"tracks": np.array([1, 1])}, "in the batch twice"),
        ({"last_s": np.array([-1.0, 2.0])}, "tracklet 1 of camera 'a' ends at -1 s, before"),
        ({"first_s": np.array([np.nan, 0.0])}, "not finite"),
        ({"prototypes": np.ones((2, 1, 32))}, "length 1"),
        ({"prototypes": np.full((2, 1, 32), np.nan)}, "NaN"),
        ({"prototypes": np.ones((1, 1, 32))}, r"\(1, 1, 32\), expected \(2, K, D\)"),
        ({"weights": np.ones((2, 2))}, r"weights have shape \(2, 2\)"),
    ],
)
def test_batches_that_do_not_fit_are_refused(change: dict[str, Any], message: str) -> None:
    good = batch(("a", 1, 0, 2, 0), ("a", 2, 0, 2, 1))
    good = dataclasses.replace(good, cameras=["a", "a"])
    with pytest.raises(InputError, match=message):
        dataclasses.replace(good, **change)
