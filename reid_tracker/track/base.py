"""The interface of trackers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from reid_tracker.arrays import IntArray
from reid_tracker.types import Detections, Embeddings, ImageBGR, Tracks

EncodeRows = Callable[[IntArray], Embeddings]
"""Returns the (K, D) embeddings of the detections in (K,) rows of a frame, distinct and rising."""


class Tracker(Protocol):
    """Links the detections in successive frames of one camera into tracks."""

    def update(
        self,
        detections: Detections,
        embeddings: Embeddings | EncodeRows | None = None,
        timestamp_s: float | None = None,
        frame: ImageBGR | None = None,
    ) -> Tracks:
        """Take the next frame's detections.

        Args:
            detections: (N) detections of the frame, or what `Detections` makes some from.
            embeddings: (N, D) float32, one row per detection, or None to track by motion alone.
                Rows may have any length; a row of zeros means "no appearance", and so does None in
                a list of rows. Or a function that encodes the rows of `detections` that it is
                given: it is called at most once, with the usable rows whose embeddings may change a
                decision, and not at all if there are none.
            timestamp_s: time of the frame in seconds; None means one nominal frame after the last.
            frame: the image, (H, W, 3) uint8 BGR. When its size changes, tracks are scaled; when
                the camera moves, they move with the picture.

        Returns:
            The tracks to report for this frame.

        Raises:
            InputError: the arrays do not fit together or hold NaN, or another thread is in a call
                of this tracker; the tracker is as it was before, also if the function raises.
        """
        ...

    def reset(self) -> None:
        """Delete all tracks and restart ids and time."""
        ...


@dataclass(frozen=True)
class Asked:
    """What a tracker asks about a frame.

    Attributes:
        rows: (K,) rows of the detections to encode, distinct and rising; may be empty.
        finish: takes their (K, D) embeddings and returns the tracks to report.
    """

    rows: IntArray
    finish: Callable[[Embeddings], Tracks]


@runtime_checkable
class AskingTracker(Tracker, Protocol):
    """A tracker whose caller can encode for several cameras at once."""

    @property
    def selective(self) -> bool:
        """Whether it may ask for less than all."""
        ...

    def ask(
        self,
        detections: Detections,
        timestamp_s: float | None = None,
        frame: ImageBGR | None = None,
    ) -> Asked:
        """Begin the update with a frame, see `update`; it takes place when `finish` is called.

        Raises:
            InputError: as `update`; `finish` also raises it after another update.
        """
        ...
