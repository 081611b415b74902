"""What every plug-in needs: the encoder that is meant, and a host that is there and new enough."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from reid_tracker.arrays import to_array
from reid_tracker.encode import Encoder, build_encoder
from reid_tracker.errors import InputError, MissingDependencyError
from reid_tracker.geometry import cxcywh_to_xyxy
from reid_tracker.types import Boxes


def the_encoder(encoder: Encoder | str | Path) -> Encoder:
    """Return an encoder as it is, or build the one that a name or file means.

    Raises:
        InputError: it is neither.
    """
    if isinstance(encoder, str | Path):
        return build_encoder(encoder)
    if not hasattr(encoder, "encode"):
        raise InputError(
            f"encoder is a {type(encoder).__name__}: expected what build_encoder returns, or the "
            "name of a model"
        )
    return encoder


def check_host(package: str, at_least: str, install: str) -> None:
    """Check that a host is installed and not too old; nothing is imported.

    Args:
        package: name of its distribution.
        at_least: oldest version that the plug-in knows, "major.minor".
        install: what `pip install` needs to be told.

    Raises:
        MissingDependencyError: it is not.
    """
    try:
        found = version(package)
    except PackageNotFoundError:
        raise MissingDependencyError(
            f"{package} is not installed; install it with pip install {install}"
        ) from None
    if _numbers(found) < _numbers(at_least):
        raise MissingDependencyError(
            f"{package} {found} is too old: this plug-in needs {at_least} or newer; upgrade it "
            f"with pip install -U {install}"
        )


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", text)[:2]))


def centred_boxes(rows: Any) -> Boxes:
    """Return (N, 4) xyxy from rows that begin with centre x, centre y, width, height.

    A fifth column is the angle of an oriented box in radians: its upright hull is returned.

    Raises:
        InputError: the shape is not (N, 4) or (N, 5).
    """
    array = to_array(rows, np.float64, "boxes")
    if array.size == 0:
        return np.empty((0, 4), np.float32)
    if array.ndim != 2 or array.shape[1] not in (4, 5):
        raise InputError(
            f"boxes have shape {array.shape}, expected (N, 4): centre x, centre y, width, height; "
            "or (N, 5) with an angle in radians"
        )
    if array.shape[1] == 5:
        cos, sin = np.abs(np.cos(array[:, 4])), np.abs(np.sin(array[:, 4]))
        width, height = array[:, 2].copy(), array[:, 3].copy()
        array[:, 2] = width * cos + height * sin
        array[:, 3] = width * sin + height * cos
    return cxcywh_to_xyxy(array[:, :4]).astype(np.float32)
