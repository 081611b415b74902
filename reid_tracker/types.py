"""The data passed between stages: frames, detections, tracks and identities; numpy only.

Detections, tracks and identities are structs of arrays, validated when they are made. Empty ones
have zero rows and are normal values; None is never used instead.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from fractions import Fraction
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from reid_tracker.arrays import BoolArray, Float32Array, FloatArray, IntArray
from reid_tracker.errors import InputError

ImageBGR = npt.NDArray[np.uint8]
"""An image, (H, W, 3) uint8, channels blue, green, red."""

Boxes = Float32Array
"""Boxes, (N, 4) float32 xyxy, pixels of the original frame."""

Embeddings = Float32Array
"""Appearance embeddings, (N, D) float32; each row has Euclidean length 1."""


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


_Rows = TypeVar("_Rows", bound="_StructOfArrays")


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
    """Same-length numpy columns with row selection; subclasses are frozen dataclasses."""

    def __len__(self) -> int:
        first: npt.NDArray[Any] = getattr(self, fields(self)[0].name)  # type: ignore[arg-type]
        return len(first)

    def __getitem__(self: _Rows, rows: Any) -> _Rows:
        """Select rows by boolean mask, index array or slice; the result has the same type."""
        columns = {f.name: getattr(self, f.name)[rows] for f in fields(self)}  # type: ignore[arg-type]
        return type(self)(**columns)

    def _column(
        self, name: str, dtype: npt.DTypeLike, shape: tuple[int, ...], rows: int
    ) -> npt.NDArray[Any]:
        """Convert one column in place and check its shape and that its values are finite."""
        where = f"{type(self).__name__}.{name}"
        given = getattr(self, name)
        try:
            with np.errstate(over="ignore", invalid="ignore"):  # the checks below catch both
                array = np.asarray(given, dtype=dtype)
        except (TypeError, ValueError, OverflowError) as error:
            raise InputError(f"{where} is not numeric: {error}") from None
        if array.size == 0:
            array = array.reshape((0, *shape))
        if array.shape != (rows, *shape):
            expected = ", ".join(map(str, (rows, *shape)))
            raise InputError(f"{where} has shape {array.shape}, expected ({expected})")
        if not np.isfinite(array).all():
            bad = np.unique(np.nonzero(~np.isfinite(array))[0])[:5].tolist()
            raise InputError(
                f"{where} has NaN or infinite values in rows {bad}; drop those rows first"
            )
        if rows and array.dtype.kind == "i" and getattr(given, "dtype", array.dtype).kind == "f":
            lost = np.nonzero(array != given)[0][:5].tolist()
            if lost:
                raise InputError(f"{where} has fractional values in rows {lost}; expected integers")
        object.__setattr__(self, name, array)
        return array


def _count(column: Any, where: str) -> int:
    """Return the number of rows of the first column; anything empty counts as 0."""
    try:
        return len(column) if np.size(column) else 0
    except (TypeError, ValueError):
        raise InputError(f"{where} is a {type(column).__name__}, expected an array") from None


@dataclass(frozen=True, eq=False)
class Detections(_StructOfArrays):
    """The detections in one frame, one row per detection.

    Array-likes are accepted and converted to the types below.

    Attributes:
        boxes: (N, 4) float32 xyxy, pixels of the original frame; may leave the frame.
        scores: (N,) float32 confidences in [0, 1].
        classes: (N,) int64 class numbers (COCO: 0 is person).

    Raises:
        InputError: shapes disagree, a value is not finite, or a box is inverted.
    """

    boxes: Boxes
    scores: Float32Array
    classes: IntArray

    def __post_init__(self) -> None:
        rows = _count(self.boxes, "Detections.boxes")
        boxes = self._column("boxes", np.float32, (4,), rows)
        self._column("scores", np.float32, (), rows)
        self._column("classes", np.int64, (), rows)
        inverted = np.nonzero((boxes[:, 2:] < boxes[:, :2]).any(axis=1))[0]
        if len(inverted):
            row = int(inverted[0])
            raise InputError(
                f"Detections.boxes row {row} is {boxes[row].tolist()}: right < left or bottom < "
                "top; boxes are left, top, right, bottom (see reid_tracker.geometry.tlwh_to_xyxy)"
            )

    @classmethod
    def empty(cls) -> Detections:
        """Return detections with zero rows."""
        return cls(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int64))


@dataclass(frozen=True, eq=False)
class Tracks(_StructOfArrays):
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

    ids: IntArray
    boxes: Boxes
    scores: Float32Array
    classes: IntArray
    ages_s: FloatArray
    observed: BoolArray
    detection_index: IntArray

    def __post_init__(self) -> None:
        rows = _count(self.ids, "Tracks.ids")
        self._column("ids", np.int64, (), rows)
        self._column("boxes", np.float32, (4,), rows)
        self._column("scores", np.float32, (), rows)
        self._column("classes", np.int64, (), rows)
        self._column("ages_s", np.float64, (), rows)
        self._column("observed", np.bool_, (), rows)
        self._column("detection_index", np.int64, (), rows)

    @classmethod
    def empty(cls) -> Tracks:
        """Return tracks with zero rows."""
        none = np.empty(0)
        return cls(none, np.empty((0, 4)), none, none, none, none, none)  # type: ignore[arg-type]


@dataclass(frozen=True, eq=False)
class Identities(_StructOfArrays):
    """The identities of one frame's tracks over all cameras, one row per track in the same order.

    Attributes:
        track_ids: (M,) int64 ids of the tracks within their camera.
        ids: (M,) int64 identities, positive, never reused; 0 means "not yet decided".
        scores: (M,) float32 similarity in [0, 1] that decided the identity; 1 for a new person, 0
            where not yet decided.
    """

    track_ids: IntArray
    ids: IntArray
    scores: Float32Array

    def __post_init__(self) -> None:
        rows = _count(self.track_ids, "Identities.track_ids")
        self._column("track_ids", np.int64, (), rows)
        self._column("ids", np.int64, (), rows)
        self._column("scores", np.float32, (), rows)

    @classmethod
    def empty(cls) -> Identities:
        """Return identities with zero rows."""
        none = np.empty(0)
        return cls(none, none, none)  # type: ignore[arg-type]


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
            in this frame. None without an encoder.
    """

    camera: str
    frame: Frame
    detections: Detections
    tracks: Tracks
    identities: Identities | None = None
    events: tuple[IdentityEvent, ...] = ()
    embeddings: Embeddings | None = None
