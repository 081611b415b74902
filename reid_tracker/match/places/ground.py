"""The ground plane: homographies from camera pictures to common coordinates in metres.

It is written as YAML, with one matrix of nine numbers per camera, row by row. A matrix maps the
pixel between a person's feet to a point of the ground plane; `units_per_metre` is the length of a
metre in its units:

    units_per_metre: 21.2
    cameras:
    - camera: door
      matrix: [3.7, 17.2, -986.1, 0.55, 23.1, -1125.6, 0.0008, 0.017, 1]
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from reid_tracker.arrays import FloatArray
from reid_tracker.config.checked import Checked, number, shown
from reid_tracker.errors import ConfigError
from reid_tracker.match.places.files import load_checked, save_checked
from reid_tracker.types import Boxes

_HORIZON = 1e-9
_COARSE_M = 1.0
_FOOT_ERROR = 0.05
"""Standard deviation of the foot point in box heights, as DeepSORT (2017) has it for positions."""

_MIN_VARIANCE_M2 = 1e-4  # a covariance must have an inverse


@dataclass(frozen=True)
class CameraGround(Checked):
    """The homography of one camera.

    Attributes:
        camera: its name.
        matrix: 9 numbers, row by row, from homogeneous pixels to homogeneous ground units.
    """

    camera: str = ""
    matrix: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        name = shown(self.camera, str)
        if len(self.matrix) != 9:
            raise ConfigError(
                f"matrix of camera '{name}' has {len(self.matrix)} numbers, expected 9, row by row"
            )
        values = np.array(self.matrix)
        if not np.isfinite(values).all() or abs(np.linalg.det(values.reshape(3, 3))) < 1e-30:
            raise ConfigError(
                f"matrix of camera '{name}' cannot be inverted; choose four points, no three "
                "of them on a line"
            )


@dataclass(frozen=True)
class GroundPlane(Checked):
    """The homographies of all cameras that have one.

    Attributes:
        cameras: at most one entry per camera.
        units_per_metre: length of a metre on the ground plane.
    """

    cameras: tuple[CameraGround, ...] = ()
    units_per_metre: float = number(1.0, 0.0, exclusive=True)

    @cached_property
    def _matrices(self) -> dict[str, FloatArray]:
        return {item.camera: np.array(item.matrix).reshape(3, 3) for item in self.cameras}

    def positions(self, camera: str, boxes: Boxes) -> FloatArray:
        """Return where people stand on the ground plane.

        Args:
            camera: name of the camera.
            boxes: (M, 4) xyxy pixels; a person stands at the middle of the lower edge.

        Returns:
            (M, 2) metres; NaN for a camera without homography and for points on the horizon.
        """
        matrix = self._matrices.get(camera)
        if matrix is None:
            return np.full((len(boxes), 2), np.nan)
        feet = np.ones((len(boxes), 3))
        feet[:, 0] = boxes[:, [0, 2]].mean(axis=1)
        feet[:, 1] = boxes[:, 3]
        plan = feet @ matrix.T
        depth = np.where(np.abs(plan[:, 2:]) > _HORIZON, plan[:, 2:], np.nan)
        metres: FloatArray = plan[:, :2] / depth / self.units_per_metre
        return metres

    def locate(self, camera: str, boxes: Boxes) -> tuple[FloatArray, FloatArray]:
        """Return `positions`, and their (M, 2, 2) covariances in square metres; NaN as there.

        A box ends near the feet, not exactly there. The error in pixels goes through the derivative
        of the homography. So far away it is large, and mostly along the view.
        """
        metres = self.positions(camera, boxes)
        matrix = self._matrices.get(camera)
        if matrix is None:
            return metres, np.full((len(boxes), 2, 2), np.nan)
        feet = np.ones((len(boxes), 3))
        feet[:, 0], feet[:, 1] = boxes[:, [0, 2]].mean(axis=1), boxes[:, 3]
        depth = feet @ matrix[2]
        depth = np.where(np.abs(depth) > _HORIZON, depth, np.nan)[:, None, None]
        place = metres[:, :, None] * self.units_per_metre
        slope = (matrix[:2, :2] - place * matrix[2, :2]) / depth / self.units_per_metre
        error_px = _FOOT_ERROR * (boxes[:, 3] - boxes[:, 1]).astype(np.float64)[:, None, None]
        slope *= error_px
        covariances: FloatArray = slope @ slope.transpose(0, 2, 1) + _MIN_VARIANCE_M2 * np.eye(2)
        return metres, covariances

    def footprint(self, camera: str, width: int, height: int) -> FloatArray:
        """Return the part of the ground plane that a camera sees well enough to locate people.

        Towards the horizon a pixel covers more and more ground. The part ends where one hundredth
        of the picture's height covers more than `_COARSE_M`. Width and height are in pixels.

        Returns:
            (K, 2) corners of a polygon in metres; K is 0 without homography.
        """
        matrix = self._matrices.get(camera)
        if matrix is None:
            return np.zeros((0, 2))
        x = np.linspace(0, width, 17)
        y = np.linspace(height, 0, 601)  # from the lower edge, where people are near
        pixels = np.stack([*np.meshgrid(x, y), np.ones((601, 17))], axis=-1)
        plan = pixels @ matrix.T
        depth = plan[..., 2] * np.sign(plan[0, 8, 2])
        metres = plan[..., :2] / np.where(depth > _HORIZON, plan[..., 2], np.nan)[..., None]
        metres = metres / self.units_per_metre
        steps = np.linalg.norm(np.diff(metres, axis=0), axis=2)
        # A row is a sixth of a hundredth; NaN, beyond the horizon, fails the comparison.
        rows = np.cumprod(6 * steps <= _COARSE_M, axis=0).sum(axis=0)
        columns = np.flatnonzero(rows > 0)
        upper = metres[rows[columns], columns]
        outline: FloatArray = np.concatenate([metres[0, columns], upper[::-1]])
        return outline


def load_ground(path: str | Path) -> GroundPlane:
    """Read homographies from a YAML file.

    Raises:
        ConfigError: the file is missing, is not YAML, or holds an invalid matrix.
    """
    return load_checked(GroundPlane, path)


def save_ground(ground: GroundPlane, path: str | Path) -> None:
    """Write homographies as YAML that `load_ground` reads back to an equal object.

    Raises:
        OutputError: the file cannot be written.
    """
    save_checked(ground, path)
