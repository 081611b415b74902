"""Cameras attached to this computer, through OpenCV."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

import cv2
import numpy as np

from reid_tracker.errors import SourceError
from reid_tracker.picture_size import too_large
from reid_tracker.types import Frame, VideoInfo
from reid_tracker.video.source import BaseSource

_log = logging.getLogger(__name__)

_DEFAULT_RATE = Fraction(30)


class CameraSource(BaseSource):
    """A camera by its number; timestamps are the times at which frames arrived.

    Args:
        number: index of the camera, from 0.
        stride: every n-th frame is yielded.

    Raises:
        SourceError: the camera does not exist, or delivers no picture.
    """

    def __init__(self, number: int, stride: int) -> None:
        self._number = number
        with _quiet_opencv():
            self._capture = cv2.VideoCapture(number)
        received, image = self._capture.read()
        if not received:
            self._capture.release()
            raise SourceError(
                f"camera {number} delivers no picture: expected the number of an attached camera; "
                "check that it is plugged in and that no other program uses it"
            )
        height, width = image.shape[:2]
        if reason := too_large(width, height):
            self._capture.release()
            raise SourceError(f"camera {number} cannot be read: {reason}")
        reported = self._capture.get(cv2.CAP_PROP_FPS)
        rate = Fraction(reported).limit_denominator(1001) if reported > 0 else _DEFAULT_RATE
        try:
            super().__init__(f"camera{number}", VideoInfo(width, height, rate), stride, live=True)
        except BaseException:
            self._capture.release()
            raise

    def _read(self) -> Iterator[Frame]:
        start, last_s = None, -1.0
        index = 0
        while self._capture.grab():
            now = time.monotonic()
            start = now if start is None else start
            # A clock with coarse ticks must not give two frames the same time.
            last_s = max(now - start, last_s + 1e-6) if index else 0.0
            if index % self._stride == 0:
                received, image = self._capture.retrieve()
                if received:
                    yield Frame(np.ascontiguousarray(image, dtype=np.uint8), index, last_s)
            index += 1
        _log.warning("camera %d stopped delivering pictures after %d frames", self._number, index)

    def _release(self) -> None:
        self._capture.release()


@contextmanager
def _quiet_opencv() -> Iterator[None]:
    """Keep OpenCV from printing about a missing camera; the SourceError reports it."""
    logs: Any = getattr(cv2.utils, "logging", cv2)  # OpenCV 5, or OpenCV 4
    level = logs.getLogLevel()
    logs.setLogLevel(0)
    try:
        yield
    finally:
        logs.setLogLevel(level)
