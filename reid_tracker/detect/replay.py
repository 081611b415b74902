"""Replays a MOTChallenge detection file, so that trackers can be run without a network.

Lines are `frame,id,left,top,width,height,confidence`; more columns are ignored. Frames count from 1
and boxes are in pixels. The format has no class of its own, so every row is class 0, person.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np

from reid_tracker.arrays import FloatArray
from reid_tracker.detect.base import check_batch
from reid_tracker.errors import ConfigError, InputError
from reid_tracker.geometry import tlwh_to_xyxy
from reid_tracker.types import Detections, ImageBGR

_COLUMNS = 7
_MAX_FRAME = 2**31
_MAX_PIXEL = 1e9
"""With larger values the area of a box could overflow float32."""


class ReplayDetector:
    """A `Detector` that reads detections from a file.

    Confidences are clipped to [0, 1], since many public files hold raw scores; thresholds in [0, 1]
    give the same result. A confidence of exactly -1 means "not given" and counts as 1. Frames that
    are not in the file have no detections.

    Use one replay for one source only.

    Args:
        path: the file.
        confidence: minimum confidence of a row.
        max_detections: maximum number of rows in a frame; the most confident ones are kept.

    Raises:
        ConfigError: the file cannot be read.
        InputError: a line is malformed; the message names it.
    """

    def __init__(
        self, path: str | Path, confidence: float = 0.0, max_detections: int = 300
    ) -> None:
        rows = _read(Path(path))
        rows[:, 6] = np.where(rows[:, 6] == -1, 1, rows[:, 6].clip(0, 1))
        rows = rows[rows[:, 6] >= confidence]
        rows = rows[np.lexsort((-rows[:, 6], rows[:, 0]))]  # by frame, then best first
        self._frames = rows[:, 0].astype(np.int64)
        self._boxes = tlwh_to_xyxy(rows[:, 2:6]).astype(np.float32)
        self._scores = rows[:, 6].astype(np.float32)
        self._max_detections = max_detections
        self._next_index = 0

    class_names: Mapping[int, str] = MappingProxyType({0: "person"})

    def detect(self, image: ImageBGR, frame_index: int | None = None) -> Detections:
        """Return the file's detections of one frame; see `Detector.detect`."""
        indices = None if frame_index is None else [frame_index]
        return self.detect_batch([image], indices)[0]

    def detect_batch(
        self, images: Sequence[ImageBGR], frame_indices: Sequence[int] | None = None
    ) -> list[Detections]:
        """Return the file's detections of several frames; see `Detector.detect_batch`."""
        check_batch(images, frame_indices)
        if frame_indices is None:
            frame_indices = range(self._next_index, self._next_index + len(images))
        found = []
        for index in frame_indices:
            found.append(self._at(index))
            self._next_index = index + 1
        return found

    def _at(self, frame_index: int) -> Detections:
        first, last = np.searchsorted(self._frames, [frame_index + 1, frame_index + 2])
        rows = slice(first, min(last, first + self._max_detections))
        scores = self._scores[rows]
        return Detections(self._boxes[rows], scores, np.zeros(len(scores), np.int64))


def _read(path: Path) -> FloatArray:
    """Return the file's first seven columns, (N, 7) float64."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise ConfigError(
            f"cannot read detections {path}: {reason}; expected a MOTChallenge text file"
        ) from None
    rows = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                rows.append(_values(line))
            except ValueError as error:
                where = f"{path}, line {number}"
                raise InputError(f"{where}: {error}: {line.strip()[:80]!a}") from None
    return np.array(rows, np.float64).reshape(-1, _COLUMNS)


def _values(line: str) -> list[float]:
    fields = line.split(",")
    if len(fields) < _COLUMNS:
        raise ValueError(
            f"{len(fields)} values, expected at least {_COLUMNS} with commas between them: "
            "frame,id,left,top,width,height,confidence"
        )
    try:
        values = [float(field) for field in fields[:_COLUMNS]]
    except ValueError:
        raise ValueError("a value is not a number") from None
    if not all(map(math.isfinite, values)):
        raise ValueError("a value is not finite")
    if not (1 <= values[0] < _MAX_FRAME and values[0].is_integer()):
        raise ValueError("the frame number is not an integer from 1")
    if min(values[4:6]) < 0:
        raise ValueError("width or height is negative")
    if max(map(abs, values[2:6])) > _MAX_PIXEL:
        raise ValueError(f"a pixel coordinate is beyond {_MAX_PIXEL:g}")
    return values
