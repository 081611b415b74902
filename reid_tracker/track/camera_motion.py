"""How the camera moved, by sparse optical flow on a small picture without the people.

Trackers that compensate for it keep people whose boxes jump with the camera (BoT-SORT, arXiv
2206.14651, section 3.2). Corners of a reference picture are followed by pyramidal Lucas-Kanade, and
a similarity (shift, rotation, scale) is fitted with RANSAC. While the camera stands still, only two
thumbnails are compared: the reference stays, so that a slow movement adds up and is found.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from reid_tracker.arrays import FloatArray
from reid_tracker.types import ImageBGR

_WIDTH = 480  # pixels of the small picture
_THUMBNAIL = (96, 54)
_SAMPLES = (192, 108)  # points of the frame that the thumbnail is made of
_STILL = 4.0  # grey levels by which nine tenths of the thumbnail differ less: nothing moved
_STILL_PART = 0.9
_CORNERS, _QUALITY, _APART = 200, 0.01, 8
_WINDOW = (11, 11)  # pixels around a corner of the small picture that are followed
_LEAST_INLIERS, _LEAST_PART = 12, 0.4
_RANSAC_PX = 1.5
_NO_MOTION_PX = 0.3  # of the small picture, at its corners

Grey = npt.NDArray[np.uint8]


class CameraMotion:
    """Estimates the motion of one camera from frame to frame."""

    def __init__(self) -> None:
        self._size: tuple[int, ...] | None = None
        self._small: Grey | None = None
        self._thumbnail: npt.NDArray[np.float32] | None = None
        self._people = np.empty((0, 4))

    def estimate(self, frame: ImageBGR, people: FloatArray) -> FloatArray | None:
        """Return how the picture moved since the last call that returned a motion, or the first.

        Args:
            frame: (H, W, 3) the image.
            people: (N, 4) xyxy boxes to leave out, in pixels of the frame.

        Returns:
            (2, 3) similarity that maps pixels of the earlier picture to this one; None if the
            camera stands still or the motion cannot be found.
        """
        thumbnail = _thumbnail(frame)
        before, size = self._small, self._size
        everybody = np.concatenate([people, self._people])
        if (
            self._thumbnail is not None
            and size == frame.shape
            and _alike(thumbnail, self._thumbnail, everybody, frame.shape)
        ):
            return None
        small, scale = _small_grey(frame)
        before_people = self._people * scale
        self._size, self._small, self._thumbnail = frame.shape, small, thumbnail
        self._people = people
        if before is None or size != frame.shape:
            return None
        motion = _fitted(before, small, before_people)
        if motion is None or _moves_corners_by(motion, small.shape) < _NO_MOTION_PX:
            return None
        motion[:, 2] /= scale
        return motion


class RecordedMotion:
    """Gives motions that `CameraMotion` estimated before, one a call."""

    def __init__(self, motions: FloatArray) -> None:
        """Take (F, 2, 3) motions of frames in order; NaN where there was none."""
        self._motions = iter(motions)

    def estimate(self, frame: ImageBGR, people: FloatArray) -> FloatArray | None:
        """Return the motion of the next frame, None if there is none."""
        motion: FloatArray = next(self._motions)
        return None if np.isnan(motion).any() else motion


def _thumbnail(frame: ImageBGR) -> npt.NDArray[np.float32]:
    """Return a tiny grey picture; sampling points before the colour conversion is 5 times faster.

    A camera that stands still sees the same points again.
    """
    points = cv2.resize(frame, _SAMPLES, interpolation=cv2.INTER_LINEAR)
    grey = cv2.cvtColor(points, cv2.COLOR_BGR2GRAY)
    return cv2.resize(grey, _THUMBNAIL, interpolation=cv2.INTER_AREA).astype(np.float32)


def _small_grey(frame: ImageBGR) -> tuple[Grey, float]:
    """Return the picture in grey and at most 480 pixels wide, and its scale."""
    height, width = frame.shape[:2]
    scale = min(1.0, _WIDTH / width)
    size = (max(round(width * scale), 16), max(round(height * scale), 16))
    small = cv2.resize(frame, size, interpolation=cv2.INTER_LINEAR) if scale < 1 else frame
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8), scale


def _alike(
    one: npt.NDArray[np.float32],
    other: npt.NDArray[np.float32],
    people: FloatArray,
    size: tuple[int, ...],
) -> bool:
    """Return whether nine tenths of two thumbnails hardly differ, without the people of a frame."""
    seen = np.ones(one.shape, np.bool_)
    to_cells = np.array([one.shape[1] / size[1], one.shape[0] / size[0]] * 2)
    for left, top, right, bottom in np.maximum(people * to_cells, 0).astype(int).tolist():
        seen[top : bottom + 1, left : right + 1] = False
    alike = (np.abs(one - other) < _STILL)[seen]
    return not alike.size or bool(alike.mean() >= _STILL_PART)


def _fitted(before: Grey, after: Grey, people: FloatArray) -> FloatArray | None:
    """Return the similarity from one small picture to the next, or None."""
    mask = np.full(before.shape, 255, np.uint8)
    height, width = before.shape
    edges = people.round().astype(int).clip(0, max(width, height))
    for left, top, right, bottom in edges.tolist():
        mask[top:bottom, left:right] = 0
    corners = cv2.goodFeaturesToTrack(before, _CORNERS, _QUALITY, _APART, mask=mask)
    if corners is None or len(corners) < _LEAST_INLIERS:
        return None
    moved, found, _ = cv2.calcOpticalFlowPyrLK(
        before, after, corners, np.empty_like(corners), winSize=_WINDOW
    )
    kept = found.ravel() == 1
    if kept.sum() < _LEAST_INLIERS:
        return None
    motion, inliers = cv2.estimateAffinePartial2D(
        corners[kept], moved[kept], ransacReprojThreshold=_RANSAC_PX
    )
    if motion is None or inliers.sum() < max(_LEAST_INLIERS, _LEAST_PART * kept.sum()):
        return None
    return np.asarray(motion, np.float64)


def _moves_corners_by(motion: FloatArray, shape: tuple[int, ...]) -> float:
    """Return by how many pixels the corner of a picture that moves most moves."""
    height, width = shape[:2]
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]], np.float64)
    return float(np.linalg.norm(corners @ motion.T - corners[:, :2], axis=1).max())
