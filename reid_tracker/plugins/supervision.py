"""supervision: its detections in our tracker, and our tracks in its annotators.

tracks = tracker.update(from_supervision(detections), embeddings, timestamp_s)
image = sv.BoxAnnotator().annotate(image, to_supervision(tracks))
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from reid_tracker.errors import InputError
from reid_tracker.types import Detections, Tracks

if TYPE_CHECKING:
    import supervision as sv


def from_supervision(detections: sv.Detections) -> Detections:
    """Return the rows of a `supervision.Detections`.

    A detector that gives no confidence is trusted fully (1), and one without classes finds people
    (0).

    Raises:
        InputError: it is no `supervision.Detections`, or its numbers are wrong.
    """
    if not hasattr(detections, "xyxy") or not hasattr(detections, "class_id"):
        raise InputError(
            f"detections are a {type(detections).__name__}: expected a supervision.Detections"
        )
    count, scores, classes = len(detections.xyxy), detections.confidence, detections.class_id
    columns: tuple[Any, ...] = (
        detections.xyxy,
        np.ones(count) if scores is None else scores,
        np.zeros(count) if classes is None else classes,
    )
    return Detections(*columns)


def to_supervision(
    tracks: Tracks,
    *,
    boxes: Literal["track", "detection"] = "track",
    detections: Detections | None = None,
    class_names: Mapping[int, str] | None = None,
) -> sv.Detections:
    """Return tracks as a `supervision.Detections` with `tracker_id`, for annotators and zones.

    Args:
        tracks: of one frame.
        boxes: "track" gives the boxes of the tracks, which are smoothed and score better (1.5 IDF1
            on TUD-Campus); "detection" those that the detector found, where it found one.
        detections: what the tracker was given for this frame; needed for boxes="detection".
        class_names: adds `data["class_name"]`, which label annotators show.

    Raises:
        InputError: `boxes` is neither, or the detections are missing or of another frame.
    """
    import supervision

    if boxes not in ("track", "detection"):
        raise InputError(f"boxes = {boxes!r}: expected track or detection")
    xyxy = tracks.boxes.copy()
    if boxes == "detection":
        if detections is None or tracks.detection_index.max(initial=-1) >= len(detections):
            raise InputError(
                'boxes="detection" needs detections: those that the tracker got for this frame'
            )
        found = tracks.detection_index >= 0
        xyxy[found] = detections.boxes[tracks.detection_index[found]]
    data: dict[str, Any] = {}
    if class_names is not None:
        names = [class_names.get(int(number), str(number)) for number in tracks.classes]
        data["class_name"] = np.array(names, dtype=str)
    return supervision.Detections(
        xyxy=xyxy,
        confidence=tracks.scores.copy(),
        class_id=tracks.classes.astype(int),
        tracker_id=tracks.ids.astype(int),
        data=data,
    )
