"""Arrays by their numbers: types for annotations, and what callers pass as arrays.

types.py names the types with a meaning.
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Number
from typing import Any

import numpy as np
import numpy.typing as npt

from reid_tracker.errors import InputError

BoolArray = npt.NDArray[np.bool_]
"""Booleans of any shape, often a mask."""

IntArray = npt.NDArray[np.int64]
"""Whole numbers of any shape: ids, indices, counts."""

FloatArray = npt.NDArray[np.float64]
"""Measurements of any shape: times, distances, probabilities, coordinates."""

Float32Array = npt.NDArray[np.float32]
"""Numbers of any shape as models compute them: embeddings, scores, activations."""


def to_array(value: Any, dtype: npt.DTypeLike, what: str) -> npt.NDArray[Any]:
    """Return a new array of numbers from an array, nested lists, or a tensor on any device.

    Args:
        value: the numbers; a tensor may require gradients.
        dtype: of the result. Whole numbers and booleans are never rounded; a number too large for
            a float becomes infinite.
        what: name of the value in errors.

    Raises:
        InputError: it is not an array of numbers, or the type cannot hold a number.
    """
    if type(value) is np.ndarray and value.dtype == dtype:
        return value.copy()
    try:
        given = np.asarray(without_tensors(value))
        kinds = {type(item) for item in given.flat} if given.dtype.kind == "O" else set()
        if given.dtype.kind not in "biufO" or not all(issubclass(kind, Number) for kind in kinds):
            raise TypeError(
                f"it holds {', '.join(sorted(k.__name__ for k in kinds)) or given.dtype}"
            )
        with np.errstate(over="ignore", invalid="ignore"):
            array = given.astype(dtype)
            lost = (
                (array != given) | (array < 0) & (given > 0) if array.dtype.kind in "bi" else False
            )
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(
            f"{what} is not numeric: {reason}; expected an array, nested lists or a tensor"
        ) from None
    if np.any(lost):
        rows = np.unique(np.nonzero(np.atleast_1d(lost))[0])[:5].tolist()
        raise InputError(f"{what} has fractional values in rows {rows}; expected whole numbers")
    return array


def without_tensors(value: Any) -> Any:
    """Return an array-like with numpy arrays in place of torch tensors, which need no import here.

    Raises:
        TypeError: it is neither an array, nor a tensor, nor a sequence of such, nor a number.
    """
    if hasattr(value, "detach"):
        tensor = value.detach().cpu()
        try:
            return tensor.numpy()
        except TypeError:  # numpy has no bfloat16
            return tensor.float().numpy()
    if np.ma.is_masked(value):
        raise TypeError("it has masked numbers")
    if hasattr(value, "__array__") or isinstance(value, Number):
        return value
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        if all(type(item) in {int, float} for item in value):
            return value
        return [without_tensors(item) for item in value]
    raise TypeError(f"it is or holds a {type(value).__name__}")
