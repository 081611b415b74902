"""The data passed between stages: frames, detections, tracks; numpy only.

Every type is a struct of arrays, validated once where it is made. Empty is a normal value with zero
rows, never None.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import Enum
from fractions import Fraction
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from reid_tracker.errors import InputError

ImageBGR = npt.NDArray[np.uint8]
"""An image, (H, W, 3) uint8, channels blue, green, red."""

Boxes = npt.NDArray[np.float32]
"""Boxes, (N, 4) float32 xyxy, pixels of the original frame."""

Embeddings = npt.NDArray[np.float32]
"""Appearance embeddings, (N, D) float32; each row has Euclidean length 1."""


def check_image(image: Any) -> ImageBGR:
    """Return the image if it is (H, W, 3) uint8 with at least one pixel.

    Raises:
        InputError: it is not.
    """
    if not isinstance(image, np.ndarray):
        raise InputError(
            f"image is a {type(image).__name__}, expected a numpy array (H, W, 3) uint8"
        )
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise InputError(
            f"image is {image.dtype} of shape {image.shape}, expected uint8 (H, W, 3) in the order "
            "blue, green, red, as cv2.imread gives it"
        )
    return image


_Rows = TypeVar("_Rows", bound="_StructOfArrays")


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of a video.

    Attributes:
        image: (H, W, 3) uint8 BGR.
        index: number of the frame in its source, from 0; a skipped frame leaves a gap.
        timestamp_s: presentation time in seconds from the first frame of the source; of several
            live sources that run together, from the first frame of any of them.
        captured_s: UTC seconds since 1970 when a live source took the picture, or None.
    """

    image: ImageBGR
    index: int
    timestamp_s: float
    captured_s: float | None = None


@dataclass(frozen=True)
class VideoInfo:
    """What is known of a source before its first frame is read.

    Attributes:
        width: pixels.
        height: pixels.
        frame_rate: frames per second as an exact fraction (30000/1001 for "29.97").
        frame_count: number of frames that the container declares, or None if it does not say.
        recorded_s: UTC seconds since 1970 at the first frame as the container declares it, or None.
    """

    width: int
    height: int
    frame_rate: Fraction
    frame_count: int | None = None
    recorded_s: float | None = None


class CameraState(str, Enum):
    """How a live camera is doing."""

    CONNECTING = "connecting"  # has not delivered a picture yet
    LIVE = "live"
    STALLED = "stalled"  # connected, but no picture comes
    GONE = "gone"  # cannot be reached or refuses; is tried again


ClockSource = Literal["rtcp", "arrival", "file"]
"""Whose time a frame has: the camera's own, that of its arrival here, or that of a file."""


@dataclass(frozen=True)
class CameraStatus:
    """How a live camera is doing, at one moment; holds no credentials.

    Attributes:
        camera: name of the source.
        state: see `CameraState`.
        since_s: seconds that it has been in this state.
        reason: why it is gone, in words; empty otherwise.
        frames: pictures received since the start.
        dropped: pictures that newer ones replaced before anybody took them.
        damaged: pictures that could not be decoded, or only with visible damage.
        reconnects: times that it came back.
        frame_age_s: seconds since the last picture arrived, or None before the first.
        clock: whose time the last frame had.
        clock_offset_s: how far the camera's clock, where it tells one, is behind the arrival of its
            pictures here: their delay, plus what the clocks differ by. None if it tells none.
        clock_jumps: times that the camera's clock jumped; frames' times never do.
    """

    camera: str
    state: CameraState
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
            with np.errstate(over="ignore", invalid="ignore"):  # both are found below
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
                raise InputError(f"{where} has values that are no whole numbers in rows {lost}")
        object.__setattr__(self, name, array)
        return array


def _count(column: Any, where: str) -> int:
    """Return the number of rows of the first column; anything empty has none."""
    try:
        return len(column) if np.size(column) else 0
    except (TypeError, ValueError):
        raise InputError(f"{where} is a {type(column).__name__}, expected an array") from None


@dataclass(frozen=True, eq=False)
class Detections(_StructOfArrays):
    """What a detector saw in one frame, one row a detection.

    Array-likes are accepted and converted to the types below.

    Attributes:
        boxes: (N, 4) float32 xyxy, pixels of the original frame; may leave the frame.
        scores: (N,) float32 confidences in [0, 1].
        classes: (N,) int64 class numbers (COCO: 0 is person).

    Raises:
        InputError: shapes disagree, a value is not finite, or a box is inverted (right < left).
    """

    boxes: Boxes
    scores: npt.NDArray[np.float32]
    classes: npt.NDArray[np.int64]

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
    """The tracks reported for one frame, one row a track, ordered by id.

    Attributes:
        ids: (M,) int64, positive, unique in the frame, never reused by the same tracker.
        boxes: (M, 4) float32 xyxy, pixels of the original frame.
        scores: (M,) float32 confidence of the last detection that the track took.
        classes: (M,) int64 class of that detection.
        ages_s: (M,) float64 seconds since the track's first detection.
        observed: (M,) bool; False where the box is only the motion model's prediction.
        detection_index: (M,) int64 row of this frame's detections, -1 where predicted only.
    """

    ids: npt.NDArray[np.int64]
    boxes: Boxes
    scores: npt.NDArray[np.float32]
    classes: npt.NDArray[np.int64]
    ages_s: npt.NDArray[np.float64]
    observed: npt.NDArray[np.bool_]
    detection_index: npt.NDArray[np.int64]

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
    """Who the tracks of one frame are over all cameras, one row a track, in the tracks' order.

    Attributes:
        track_ids: (M,) int64 ids of the tracks within their camera.
        ids: (M,) int64 identities, positive, never reused; 0 is "not yet sure".
        scores: (M,) float32 similarity in [0, 1] on which the identity rests; 1 for somebody new, 0
            where not yet sure.
    """

    track_ids: npt.NDArray[np.int64]
    ids: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float32]

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
"""A tracklet: camera and the id that the camera's tracker gave it."""


@dataclass(frozen=True)
class IdentityEvent:
    """From `time_s` on, `members` belong to `identity`; this also holds for their past.

    Attributes:
        kind: "new": nobody known; "match": tracklets joined a known identity; "merge": two
            identities were one person; "split": tracklets do not belong where they were.
        identity: number that the members have now; 0 after a split that leaves open who it is.
        previous_ids: other numbers that the members had before, rising.
        members: the tracklets that changed, in order.
        reason: in words, for people.
        score: similarity in [0, 1] on which it rests; 1 where nothing was compared.
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
    """Everything the pipeline knows of one frame of one camera; what a sink receives.

    Attributes:
        camera: name of the camera or file, unique within a run.
        frame: the picture.
        detections: (N) detections in it.
        tracks: (M) tracks in it.
        identities: (M) who they are over all cameras; None where nobody asked.
        events: what has changed about identities, of any camera, by this frame.
        looks: (M, D) unit rows, what the tracks look like; zeros where a track took no detection.
            None without an encoder.
    """

    camera: str
    frame: Frame
    detections: Detections
    tracks: Tracks
    identities: Identities | None = None
    events: tuple[IdentityEvent, ...] = ()
    looks: Embeddings | None = None
