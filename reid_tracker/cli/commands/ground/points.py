"""Reads points on the ground plane: "x,y=X,Y ..." on the command line, or a YAML file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from reid_tracker.arrays import FloatArray
from reid_tracker.config import read_yaml
from reid_tracker.config.checked import Checked, from_mapping, shown
from reid_tracker.errors import ConfigError


@dataclass(frozen=True)
class CameraPoints(Checked):
    """Points of one camera.

    Attributes:
        camera: name of the camera.
        points: x, y in pixels and X, Y in metres of each point.
    """

    camera: str = ""
    points: tuple[tuple[float, ...], ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        for point in self.points:
            if len(point) != 4 or not np.isfinite(point).all():
                raise ConfigError(
                    f"point {shown(list(point))} of camera '{shown(self.camera, str)}': expected "
                    "four numbers, x, y in pixels and X, Y in metres"
                )


@dataclass(frozen=True)
class FloorPoints(Checked):
    """Points of all cameras.

    Attributes:
        cameras: at most one entry for each camera.
    """

    cameras: tuple[CameraPoints, ...] = ()


def parse_points(text: str) -> tuple[FloatArray, FloatArray]:
    """Parse "x,y=X,Y ..."; spaces or semicolons separate the points.

    Returns:
        (N, 2) pixels and (N, 2) metres.

    Raises:
        ConfigError: a point is malformed.
    """
    found = []
    for word in text.replace(";", " ").split():
        left, _, right = word.partition("=")
        try:
            values = [float(part) for side in (left, right) for part in side.split(",")]
        except ValueError:
            values = []
        if len(values) != 4 or not np.isfinite(values).all():
            raise ConfigError(
                f"point '{shown(word, str)}': expected x,y=X,Y, pixels = metres, e.g. 102,520=0,4.5"
            )
        found.append(values)
    array = np.array(found, np.float64).reshape(-1, 4)
    return array[:, :2], array[:, 2:]


def read_points(path: Path, camera: str) -> tuple[FloatArray, FloatArray]:
    """Read the points of a camera from a YAML file.

    The file holds `cameras:`, a list of `camera:` and `points:`, each point x, y, X, Y.

    Raises:
        ConfigError: the file is missing or wrong, or does not name the camera.
    """
    points = from_mapping(FloorPoints, read_yaml(path))
    for item in points.cameras:
        if item.camera == camera:
            array = np.array(item.points, np.float64).reshape(-1, 4)
            return array[:, :2], array[:, 2:]
    names = shown(", ".join(item.camera for item in points.cameras), str) or "none"
    raise ConfigError(f"{path} has no points of camera '{camera}'; it has points of {names}")
