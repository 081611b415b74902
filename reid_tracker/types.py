"""The data passed between stages: frames, detections, tracks and identities; numpy only.

Detections, tracks and identities are structs of arrays, validated when they are made. Empty ones
have zero rows and are normal values; None is never used instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from fractions import Fraction
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from reid_tracker.arrays import (
    BoolArray,
    Float32Array,
    FloatArray,
    IntArray,
    to_array,
    without_tensors,
)
from reid_tracker.errors import InputError

ImageBGR = npt.NDArray[np.uint8]
"""An image, (H, W, 3) uint8, channels blue, green, red."""

Boxes = Float32Array
"""Boxes, (N, 4) float32 xyxy, pixels of the original frame."""

Embeddings = Float32Array
"""Appearance embeddings, (N, D) float32; each row has Euclidean length 1."""

_LARGEST_SCORE = 1 + 1e-6  # float32 rounds
_NOT_GIVEN: Any = None


def check_image(image: Any) -> ImageBGR:
    """Return the image after checking that it is (H, W, 3) uint8 and not empty.

    Raises:
        InputError: the image has another type or shape.
    """
    if not isinstance(image, np.ndarray):
        raise InputError(
            f"image is a {type(image).__name__}, expected a numpy array (H, W, 3) uint8"
        )
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise InputError(
            f"image is {image.dtype} of shape {image.shape}, expected uint8 (H, W, 3) in "
            "blue, green, red order, as from cv2.imread"
        )
    return image


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame of a video.

    Attributes:
        image: (H, W, 3) uint8 BGR.
        index: frame number in its source, from 0; skipped frames leave gaps.
        timestamp_s: presentation time in seconds since the first frame of the source. For live
            sources that run together: since the first frame of any of them.
        captured_s: capture time of a live source in UTC seconds since 1970, else None.
    """

    image: ImageBGR
    index: int
    timestamp_s: float
    captured_s: float | None = None


@dataclass(frozen=True)
class VideoInfo:
    """Properties of a source, known before its first frame is read.

    Attributes:
        width: pixels.
        height: pixels.
        frame_rate: frames per second as an exact fraction (30000/1001 for "29.97").
        frame_count: number of frames according to the container, or None if not given.
        recorded_s: time of the first frame according to the container, in UTC seconds since 1970,
            or None.
    """

    width: int
    height: int
    frame_rate: Fraction
    frame_count: int | None = None
    recorded_s: float | None = None


class SourceState(StrEnum):
    """State of the connection to a live source."""

    CONNECTING = "connecting"  # no frame yet
    LIVE = "live"
    STALLED = "stalled"  # connected, but no frames arrive
    GONE = "gone"  # unreachable or refused; retrying


ClockSource = Literal["rtcp", "arrival", "file"]
"""Where the time of a frame comes from: the camera's clock, its arrival here, or the file."""


@dataclass(frozen=True)
class SourceStatus:
    """Health of a live source at one moment; contains no credentials.

    Attributes:
        camera: name of the source.
        state: see `SourceState`.
        since_s: seconds in this state.
        reason: why the source is gone, for people; empty in other states.
        frames: frames received since the start.
        dropped: frames replaced by newer ones before they were read.
        damaged: frames that failed to decode or have visible errors.
        reconnects: number of successful reconnections.
        frame_age_s: seconds since the last frame arrived, or None before the first.
        clock: where the time of the last frame comes from.
        clock_offset_s: arrival time minus camera time of the frames: their delay plus the clock
            difference. None if the camera sends no time.
        clock_jumps: number of jumps of the camera's clock; `Frame.timestamp_s` never jumps.
    """

    camera: str
    state: SourceState
    since_s: float
    reason: str = ""
    frames: int = 0
    dropped: int = 0
    damaged: int = 0
    reconnects: int = 0
    frame_age_s: float | None = None
    clock: ClockSource = "arrival"
    clock_offset_s: float | None = None
    clock_jumps: int = 0


class _StructOfArrays:
    """Same-length numpy columns with row selection; subclasses are frozen dataclasses.

    The metadata of a field has the dtype of its column and the shape of a row. Columns are copies
    of what the constructor is given.
    """

    def __post_init__(self) -> None:
        rows = None
        for column in fields(self):  # type: ignore[arg-type]
            where = f"{type(self).__name__}.{column.name}"
            shape = column.metadata["shape"]
            array = to_array(getattr(self, column.name), column.metadata["dtype"], where)
            if array.size == 0:
                array = array.reshape((0, *shape))
            if rows is None and array.ndim > len(shape):
                rows = len(array)
            if array.shape != (rows, *shape):
                expected = ", ".join(map(str, ("N" if rows is None else rows, *shape)))
                raise InputError(f"{where} has shape {array.shape}, expected ({expected})")
            if not np.isfinite(array).all():
                bad = np.unique(np.nonzero(~np.isfinite(array))[0])[:5].tolist()
                raise InputError(
                    f"{where} has NaN or infinite values in rows {bad}; drop those rows first"
                )
            object.__setattr__(self, column.name, array)

    def __len__(self) -> int:
        first: npt.NDArray[Any] = getattr(self, fields(self)[0].name)  # type: ignore[arg-type]
        return len(first)

    def __iter__(self) -> Iterator[Self]:
        """Yield the rows, each as a value of the same type with one row."""
        return (self[row : row + 1] for row in range(len(self)))

    def __getitem__(self, rows: Any) -> Self:
        """Select rows by number, mask, numbers or slice; the result has the same type.

        Raises:
            IndexError: there is no such row.
            InputError: it does not select whole rows.
        """
        if hasattr(rows, "detach"):
            rows = without_tensors(rows)
        if isinstance(rows, np.ndarray) and rows.ndim == 0:
            rows = rows[()]
        if isinstance(rows, int | np.integer) and not isinstance(rows, bool):
            rows = [rows]
        try:
            columns = {f.name: getattr(self, f.name)[rows] for f in fields(self)}  # type: ignore[arg-type]
        except (TypeError, ValueError):
            raise InputError(
                f"rows of {type(self).__name__} are a {type(rows).__name__}: expected a number, a "
                "slice, a mask or row numbers"
            ) from None
        return type(self)(**columns)

    @classmethod
    def empty(cls) -> Self:
        """Return a value with zero rows."""
        return cls(**{f.name: () for f in fields(cls)})  # type: ignore[arg-type]


class _Boxed(_StructOfArrays):
    """Rows with a box and a confidence."""

    boxes: Boxes
    scores: Float32Array

    def __post_init__(self) -> None:
        super().__post_init__()
        name = type(self).__name__
        check_not_inverted(self.boxes, f"{name}.boxes")
        strange = np.nonzero((self.scores < 0) | (self.scores > _LARGEST_SCORE))[0]
        if len(strange):
            row = int(strange[0])
            raise InputError(
                f"{name}.scores row {row} is {self.scores[row]:g}: expected a confidence from 0 to "
                "1; divide percentages by 100"
            )


def check_not_inverted(boxes: Boxes, where: str) -> None:
    """Check that no (N, 4) xyxy box ends before it begins.

    Raises:
        InputError: a box does.
    """
    inverted = np.nonzero((boxes[:, 2:] < boxes[:, :2]).any(axis=1))[0]
    if len(inverted):
        row = int(inverted[0])
        raise InputError(
            f"{where} row {row} is {boxes[row].tolist()}: right < left or bottom < top; boxes are "
            "left, top, right, bottom (see reid_tracker.geometry.tlwh_to_xyxy)"
        )


def _column(dtype: npt.DTypeLike, *shape: int) -> dict[str, Any]:
    """Return the metadata of a column: its dtype and the shape of a row."""
    return {"dtype": np.dtype(dtype), "shape": shape}


@dataclass(frozen=True, eq=False)
class Detections(_Boxed):
    """The detections in one frame, one row per detection.

    The columns may be arrays, lists or tensors; they are copied and converted to the types below.
    Instead of three columns, `Detections(found)` takes an ultralytics `Results` or `Boxes`, a
    `supervision.Detections`, or an (N, 6) array with x1, y1, x2, y2, confidence, class.

    Attributes:
        boxes: (N, 4) float32 xyxy, pixels of the original frame; may leave the frame.
        scores: (N,) float32 confidences in [0, 1].
        classes: (N,) int64 class numbers (COCO: 0 is person).

    Raises:
        InputError: shapes disagree, a value is not finite or out of range, or a box is inverted.
    """

    boxes: Boxes = field(metadata=_column(np.float32, 4))
    scores: Float32Array = field(default=_NOT_GIVEN, metadata=_column(np.float32))
    classes: IntArray = field(default=_NOT_GIVEN, metadata=_column(np.int64))

    def __post_init__(self) -> None:
        if self.scores is _NOT_GIVEN and self.classes is _NOT_GIVEN:
            columns = _unpacked(self.boxes)
            for name, column in zip(("boxes", "scores", "classes"), columns, strict=True):
                object.__setattr__(self, name, column)
        super().__post_init__()


def _unpacked(found: Any) -> tuple[Any, Any, Any]:
    """Return the columns of what detectors return."""
    if hasattr(found, "boxes"):
        found = found.boxes
    if hasattr(found, "xyxy"):  # ultralytics or supervision
        scores = found.conf if hasattr(found, "conf") else getattr(found, "confidence", None)
        classes = found.cls if hasattr(found, "cls") else getattr(found, "class_id", None)
        if len(found.xyxy) and (scores is None or classes is None):
            raise InputError(
                f"a {type(found).__name__} without confidences or classes: expected both; pass "
                "Detections(boxes, scores, classes)"
            )
        return found.xyxy, scores if len(found.xyxy) else (), classes if len(found.xyxy) else ()
    table = to_array(found, np.float64, "Detections")
    if table.size == 0:
        return (), (), ()
    if table.ndim != 2 or table.shape[1] != 6:
        raise InputError(
            f"Detections has shape {table.shape}, expected (N, 6): x1, y1, x2, y2, confidence, "
            "class; or pass Detections(boxes, scores, classes)"
        )
    return table[:, :4], table[:, 4], table[:, 5]


@dataclass(frozen=True, eq=False)
class Tracks(_Boxed):
    """The tracks reported for one frame, one row per track, ordered by id.

    Attributes:
        ids: (M,) int64, positive, unique in the frame; a tracker never reuses an id.
        boxes: (M, 4) float32 xyxy, pixels of the original frame.
        scores: (M,) float32 confidence of the last matched detection.
        classes: (M,) int64 class of that detection.
        ages_s: (M,) float64 seconds since the track's first detection.
        observed: (M,) bool; False where the box is predicted by the motion model.
        detection_index: (M,) int64 row of the matched detection in this frame, -1 where predicted.
    """

    ids: IntArray = field(metadata=_column(np.int64))
    boxes: Boxes = field(metadata=_column(np.float32, 4))
    scores: Float32Array = field(metadata=_column(np.float32))
    classes: IntArray = field(metadata=_column(np.int64))
    ages_s: FloatArray = field(metadata=_column(np.float64))
    observed: BoolArray = field(metadata=_column(np.bool_))
    detection_index: IntArray = field(metadata=_column(np.int64))


@dataclass(frozen=True, eq=False)
class Identities(_StructOfArrays):
    """The identities of one frame's tracks over all cameras, one row per track in the same order.

    Attributes:
        track_ids: (M,) int64 ids of the tracks within their camera.
        ids: (M,) int64 identities, positive, never reused; 0 means "not yet decided".
        scores: (M,) float32 similarity in [0, 1] that decided the identity; 1 for a new person, 0
            where not yet decided.
    """

    track_ids: IntArray = field(metadata=_column(np.int64))
    ids: IntArray = field(metadata=_column(np.int64))
    scores: Float32Array = field(metadata=_column(np.float32))


EventKind = Literal["new", "match", "merge", "split"]

Member = tuple[str, int]
"""A tracklet as a member of an identity: camera and track id within the camera."""


@dataclass(frozen=True)
class IdentityEvent:
    """From `time_s` on, `members` belong to `identity`, including their past frames.

    Attributes:
        kind: "new": an unknown person; "match": tracklets joined a known identity; "merge": two
            identities are one person; "split": tracklets left an identity.
        identity: number of the members now; 0 after a split, if it is not decided yet.
        previous_ids: earlier numbers of the members, ascending.
        members: the tracklets that changed, sorted.
        reason: explanation for people.
        score: similarity in [0, 1] that decided; 1 if nothing was compared.
        time_s: time of the decision.
    """

    kind: EventKind
    identity: int
    previous_ids: tuple[int, ...]
    members: tuple[Member, ...]
    reason: str
    score: float
    time_s: float


@dataclass(frozen=True, eq=False)
class FrameResult:
    """All results of one frame of one camera; the input of a sink.

    Attributes:
        camera: name of the camera or file, unique within a run.
        frame: the frame.
        detections: (N) detections.
        tracks: (M) tracks.
        identities: (M) identities of the tracks; None without cross-camera matching.
        events: changes of identities in all cameras, decided in this frame.
        embeddings: (M, D) embeddings of the tracks, unit rows; zeros where a track has no detection
            in this frame, or one that was not encoded. None without an encoder.
        class_names: names of class numbers; empty if the detector has none.
    """

    camera: str
    frame: Frame
    detections: Detections
    tracks: Tracks
    identities: Identities | None = None
    events: tuple[IdentityEvent, ...] = ()
    embeddings: Embeddings | None = None
    class_names: Mapping[int, str] = field(default_factory=dict)
