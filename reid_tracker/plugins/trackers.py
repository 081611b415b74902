"""roboflow's trackers: our tracker as one of theirs, and our encoder for their ReID trackers.

from reid_tracker.plugins.trackers import DeepSortTracker

tracker = DeepSortTracker()  # instead of trackers.ByteTrackTracker()
detections = tracker.update(detections, frame)
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from reid_tracker.config import DeepSortConfig
from reid_tracker.encode import Encoder
from reid_tracker.plugins.hosts import check_host, the_encoder
from reid_tracker.plugins.supervision import from_supervision, to_supervision
from reid_tracker.track import build_tracker
from reid_tracker.types import Embeddings, ImageBGR, Tracks

try:
    from trackers.core.base import BaseTracker
except ImportError:  # said when a tracker is made, so that the file can be read without the host
    BaseTracker = object

if TYPE_CHECKING:
    import supervision as sv


class DeepSortTracker(BaseTracker):  # type: ignore[misc]  # a class of the host
    """Our tracker with the interface of roboflow's; their command line finds it by `tracker_id`.

    Args:
        config: of our tracker.
        encoder: an encoder, or what `build_encoder` builds one from; None tracks by motion alone.
            It is used where `update` gets the frame.

    Raises:
        MissingDependencyError: trackers is not installed, or too old.
    """

    tracker_id = "reid_tracker"
    search_space: ClassVar[dict[str, dict[str, Any]]] = {}

    def __init__(
        self,
        config: DeepSortConfig | str | None = None,
        encoder: Encoder | str | Path | None = "auto",
    ) -> None:
        check_host("trackers", "2.6", "'reid-tracker[trackers]'")
        self._tracker = build_tracker(config or DeepSortConfig())
        self._encoder = None if encoder is None else the_encoder(encoder)
        self.reset()

    def update(
        self,
        detections: sv.Detections,
        frame: ImageBGR | None = None,
        timestamp: float | None = None,
    ) -> sv.Detections:
        """Track one frame.

        Args:
            detections: of the frame; `confidence` and `class_id` may be missing.
            frame: (H, W, 3) uint8 BGR.
            timestamp: time of the frame in seconds; None means one nominal frame after the last.

        Returns:
            The detections in the order given, with `tracker_id`; -1 where a detection belongs to no
            confirmed track.
        """
        found = from_supervision(detections)
        embeddings = None
        if self._encoder is not None and frame is not None:
            embeddings = self._encoder.encode(frame, found.boxes)
        self._last = self._tracker.update(found, embeddings, timestamp, frame)
        ids = np.full(len(found), -1, np.int64)
        seen = self._last.detection_index >= 0
        ids[self._last.detection_index[seen]] = self._last.ids[seen]
        result = copy.copy(detections)
        result.tracker_id = ids
        return result

    def reset(self) -> None:
        """Forget all tracks."""
        self._tracker.reset()
        self._last = Tracks.empty()

    @property
    def tracked_objects(self) -> sv.Detections:
        """The tracks of the last frame, also those predicted where no detection was found."""
        return to_supervision(self._last)


class ReidEncoder:
    """The appearance model of `trackers` 2.7 and of `reid`, which name the method differently.

    Args:
        encoder: an encoder, or what `build_encoder` builds one from.
    """

    def __init__(self, encoder: Encoder | str | Path = "auto") -> None:
        self._encoder = the_encoder(encoder)

    def extract_features(self, detections: sv.Detections, frame: ImageBGR) -> Embeddings:
        """Return (N, D) unit rows of the detections in a BGR frame."""
        return self._encoder.encode(frame, detections)  # type: ignore[arg-type]

    def extract_embeddings(
        self, detections: sv.Detections, frame: ImageBGR, *, batch_size: int = 32
    ) -> Embeddings:
        """Return (N, D) unit rows of the detections in a BGR frame.

        `batch_size` is for callers that pass it; the encoder has its own.
        """
        del batch_size
        return self.extract_features(detections, frame)
