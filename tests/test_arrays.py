"""Array types, and the values that callers may pass as arrays."""

from __future__ import annotations

import datetime
import types
from array import array
from decimal import Decimal
from fractions import Fraction
from typing import Any, get_args

import numpy as np
import pytest
import torch

from reid_tracker import arrays
from reid_tracker.errors import InputError


@pytest.mark.parametrize(
    ("alias", "element"),
    [
        (arrays.BoolArray, np.bool_),
        (arrays.IntArray, np.int64),
        (arrays.FloatArray, np.float64),
        (arrays.Float32Array, np.float32),
    ],
)
def test_alias_names_its_element_type(alias: object, element: type[np.generic]) -> None:
    _shape, dtype = get_args(alias)
    assert get_args(dtype) == (element,)


class Tensor:
    """A torch tensor on another device that requires gradients, as far as conversions see one."""

    def __init__(self, values: object, *, detached: bool = False, here: bool = False) -> None:
        self.values, self.detached, self.here = values, detached, here

    def detach(self) -> Tensor:
        return Tensor(self.values, detached=True, here=self.here)

    def cpu(self) -> Tensor:
        return Tensor(self.values, detached=self.detached, here=True)

    def numpy(self) -> object:
        if not (self.detached and self.here):
            raise TypeError("can't convert cuda:0 device type tensor to numpy")
        return np.array(self.values)

    def __array__(self, *_: object, **__: object) -> object:
        raise TypeError("can't convert cuda:0 device type tensor to numpy")


@pytest.mark.parametrize(
    "value",
    [
        [1, 2],
        (1.0, 2.0),
        range(1, 3),
        np.array([1, 2], np.float16),
        np.array([1, 2], object),
        np.array([1.0, 2.0])[::1],
        [Fraction(1), Decimal(2)],
        array("d", [1, 2]),
        torch.tensor([1, 2]),
        torch.tensor([1.0, 2.0], requires_grad=True),
        torch.tensor([1, 2], dtype=torch.bfloat16),
        [torch.tensor(1.0, requires_grad=True), torch.tensor(2)],
        Tensor([1, 2]),
        [Tensor(1), Tensor(2.0)],
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_numbers_of_every_kind_become_a_new_array(value: Any, dtype: Any) -> None:
    got = arrays.to_array(value, dtype, "boxes")
    assert type(got) is np.ndarray
    assert got.dtype == dtype
    assert got.tolist() == [1, 2]
    got[:] = 7
    assert arrays.to_array(value, dtype, "boxes").tolist() == [1, 2]


@pytest.mark.parametrize(
    "value",
    [
        None,
        "12",
        b"12",
        ["1", "2"],
        [None],
        [[1, 2], [3]],
        {1: 2},
        {1, 2},
        iter([1]),
        object(),
        1j,
        [1j],
        [1, "a"],
        [datetime.timedelta(1)],
        np.array(["2026-01-01"], "datetime64[s]"),
        np.array(["1"], object),
        np.zeros(1, [("x", "f4")]),
        torch.tensor([1j]),
        torch.ones(2, device="meta"),
        types.SimpleNamespace(xyxy=[[1, 2, 3, 4]]),
        [10**400],
        np.ma.masked_array([1, 2], [False, True]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_numbers_is_refused_in_one_line(value: Any) -> None:
    with pytest.raises(InputError) as caught:
        arrays.to_array(value, np.float64, "boxes")
    message = str(caught.value)
    assert message.startswith("boxes is not numeric: ")
    assert "\n" not in message


def test_a_list_in_itself_is_refused() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(InputError):
        arrays.to_array(value, np.float64, "boxes")


@pytest.mark.parametrize(
    "value", [[0.7], [0, np.nan], np.array([0, np.inf]), np.array([2**63], np.uint64), [1e30]]
)
def test_whole_numbers_are_never_rounded_or_wrapped(value: Any) -> None:
    with pytest.raises(InputError, match="classes has fractional values in rows"):
        arrays.to_array(value, np.int64, "classes")


@pytest.mark.parametrize("value", [[0.7], [2], [np.nan], [-1]])
def test_booleans_are_only_nought_and_one(value: Any) -> None:
    assert arrays.to_array([0, 1.0, True], np.bool_, "observed").tolist() == [False, True, True]
    with pytest.raises(InputError, match="observed has fractional values in rows"):
        arrays.to_array(value, np.bool_, "observed")
