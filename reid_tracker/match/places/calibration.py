"""Reads calibrated cameras from files: Tsai XML as PETS publishes it, and OpenCV YAML.

A calibration holds more than a homography, above all the distortion of the lens. So a homography
fitted to the ground points of a calibration is only an approximation.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as Xml
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from reid_tracker.arrays import FloatArray
from reid_tracker.config.checked import shown
from reid_tracker.errors import ConfigError

_NAMES = {
    "matrix": ("camera_matrix", "cameraMatrix", "Camera_Matrix", "K"),
    "distortion": ("distortion_coefficients", "dist_coeffs", "distCoeffs", "D"),
    "rotation": ("rvec", "rotation_vector", "R", "rotation_matrix"),
    "translation": ("tvec", "translation_vector", "T", "t"),
}
"""Names for the parts of a calibration in OpenCV's files."""

# No part of it crosses the next matrix or bracket, so the time is linear in the length.
_OPENCV_MATRIX = re.compile(
    r"^[ \t]*(\w+):[ \t]*!!opencv-(?:nd-)?matrix(?:(?!!!opencv-).)*?data:\s*\[([^\[\]]*)\]",
    re.M | re.S,
)
_EXPECTED = "expected a Tsai XML file as published with PETS, or an OpenCV YAML file"
_MAX_BYTES = 1_000_000


@dataclass(frozen=True, eq=False)
class CameraCalibration:
    """A calibrated camera above the ground plane Z = 0 of the world.

    Attributes:
        to_ground: (3, 3) from undistorted, normalised camera coordinates to the world's X and Y.
        focal: focal lengths, x and y, in pixels.
        centre: principal point, pixels.
        distortion: k1, k2, p1, p2, k3 of OpenCV's model, which distorts; or the single coefficient
            of Tsai's model, which undistorts normalised coordinates.
        tsai: True for Tsai's model.
    """

    to_ground: FloatArray
    focal: FloatArray
    centre: FloatArray
    distortion: FloatArray
    tsai: bool

    def ground_points(self, pixels: FloatArray) -> FloatArray:
        """Return the (N, 2) world points of (N, 2) pixels, NaN for pixels above the horizon."""
        distorted = (pixels - self.centre) / self.focal
        if self.tsai:
            square = (distorted**2).sum(axis=1, keepdims=True)
            plain = distorted * (1 + self.distortion[0] * square)
        else:
            plain = _undistorted(distorted, self.distortion)
        mapped = np.concatenate([plain, np.ones((len(plain), 1))], axis=1) @ self.to_ground.T
        # The last row is one over the distance along the view: the ground must be in front.
        depth = np.where(mapped[:, 2:] > 1e-12, mapped[:, 2:], np.nan)
        world: FloatArray = mapped[:, :2] / depth
        return world


def read_calibration(path: str | Path) -> CameraCalibration:
    """Read a calibration file.

    Raises:
        ConfigError: the file cannot be read, has another format, or lacks a part.
    """
    path = Path(path)
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ConfigError(f"{path}: too large for a calibration; {_EXPECTED}")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not text; {_EXPECTED}") from None
    try:
        found = _from_tsai(text) if text.lstrip().startswith("<") else _from_opencv(text)
        parts = (found.to_ground, found.focal, found.centre, found.distortion)
        if not all(np.isfinite(part).all() for part in parts):
            raise ValueError("a number is not finite, or too large")
        return found
    except (KeyError, ValueError, AttributeError, ArithmeticError, np.linalg.LinAlgError) as error:
        raise ConfigError(f"{path}: {shown(error, str)}; {_EXPECTED}") from None


def _from_tsai(text: str) -> CameraCalibration:
    if "<!DOCTYPE" in text or "<!ENTITY" in text:  # entities can fill the memory
        raise ValueError("declares entities")
    try:
        root = Xml.fromstring(text)  # noqa: S314 - no entities, and the size is limited
    except Xml.ParseError as error:
        raise ValueError(f"not XML ({error})") from None
    values: dict[str, float] = {}
    for name in ("Geometry", "Intrinsic", "Extrinsic"):
        element = root if root.tag == name else root.find(f".//{name}")
        if element is None:
            raise ValueError(f"has no element {name}")
        values |= {k: float(v) for k, v in element.attrib.items() if _is_number(v)}
    needed = ("focal", "kappa1", "cx", "cy", "sx", "dpx", "dpy", "tx", "ty", "tz", "rx", "ry", "rz")
    missing = [name for name in needed if name not in values]
    if missing:
        raise ValueError(f"lacks {', '.join(missing)}")
    angles = [values["rx"], values["ry"], values["rz"]]
    rotation = Rotation.from_euler("xyz", angles).as_matrix()  # about x first
    translation = np.array([values["tx"], values["ty"], values["tz"]])
    focal = values["focal"]
    return CameraCalibration(
        to_ground=_to_ground(rotation, translation),
        focal=np.array([focal * values["sx"] / values["dpx"], focal / values["dpy"]]),
        centre=np.array([values["cx"], values["cy"]]),
        distortion=np.array([values["kappa1"] * focal**2]),
        tsai=True,
    )


def _from_opencv(text: str) -> CameraCalibration:
    found = {
        name: np.array([float(number) for number in data.replace("\n", " ").split(",")])
        for name, data in _OPENCV_MATRIX.findall(text)
    }
    matrix = _part(found, "matrix", (9,)).reshape(3, 3)
    rotation = _part(found, "rotation", (3, 9))
    distortion = np.zeros(5)
    if any(name in found for name in _NAMES["distortion"]):
        given = _part(found, "distortion", (4, 5))
        distortion[: len(given)] = given
    turned = (
        rotation.reshape(3, 3) if rotation.size == 9 else Rotation.from_rotvec(rotation).as_matrix()
    )
    return CameraCalibration(
        to_ground=_to_ground(turned, _part(found, "translation", (3,))),
        focal=matrix[[0, 1], [0, 1]],
        centre=matrix[:2, 2],
        distortion=distortion,
        tsai=False,
    )


def _part(found: dict[str, FloatArray], part: str, sizes: Sequence[int]) -> FloatArray:
    for name in _NAMES[part]:
        if name in found:
            if found[name].size not in sizes:
                raise ValueError(f"{name} has {found[name].size} numbers, expected {sizes}")
            return found[name]
    raise ValueError(f"has no {' or '.join(_NAMES[part])}")


def _to_ground(rotation: FloatArray, translation: FloatArray) -> FloatArray:
    """Invert the projection of the plane Z = 0."""
    inverse: FloatArray = np.linalg.inv(np.column_stack([rotation[:, :2], translation]))
    return inverse


def _undistorted(distorted: FloatArray, coefficients: FloatArray) -> FloatArray:
    """Invert OpenCV's lens model, which has no closed inverse, by fixed-point iteration."""
    k1, k2, p1, p2, k3 = coefficients.tolist()
    plain: FloatArray = distorted.copy()
    for _ in range(20):
        x, y = plain.T
        square = x * x + y * y
        radial = 1 + square * (k1 + square * (k2 + square * k3))
        shift_x = 2 * p1 * x * y + p2 * (square + 2 * x * x)
        shift_y = p1 * (square + 2 * y * y) + 2 * p2 * x * y
        shift = np.stack([shift_x, shift_y], axis=1)
        plain = np.asarray((distorted - shift) / radial[:, None], np.float64)
    return plain


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
