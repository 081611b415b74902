"""deep-sort-realtime: our embeddings for its `DeepSort`.

    from deep_sort_realtime.deepsort_tracker import DeepSort
    from reid_tracker.plugins.deep_sort_realtime import Embedder, update_tracks

    tracker = DeepSort(embedder=None)
    tracks = update_tracks(tracker, detections, frame, encoder)  # exact boxes: better
    tracker.embedder = Embedder(encoder)                         # or: the crops that it cuts

Its own embedder does not import beside setuptools 82, so `embedder=None` is needed.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from reid_tracker.arrays import Float32Array
from reid_tracker.encode import Encoder
from reid_tracker.errors import InputError
from reid_tracker.geometry import xyxy_to_tlwh
from reid_tracker.plugins.hosts import check_host, the_encoder
from reid_tracker.types import Detections, ImageBGR

_BLACK = np.zeros((1, 1, 3), np.uint8)


class Embedder:
    """What `DeepSort.embedder` may be set to: turns the crops that it cut into embeddings.

    It cuts at whole pixels and hands over empty crops for boxes outside the frame. These are
    encoded as black crops, which resemble no person; it would divide by zero for a row of zeros.

    Args:
        encoder: an encoder, or what `build_encoder` builds one from.
        color: order of the channels of the frames, "bgr" or "rgb".
    """

    def __init__(self, encoder: Encoder | str | Path = "auto", *, color: str = "bgr") -> None:
        check_host("deep-sort-realtime", "1.3", "'reid-tracker[deep-sort-realtime]'")
        self._encoder = the_encoder(encoder)
        self._color = color

    def predict(self, crops: Iterable[Any]) -> list[Float32Array]:
        """Encode (h, w, 3) uint8 crops: one unit row each."""
        filled = [crop if np.size(crop) else _BLACK for crop in crops]
        return list(self._encoder.encode_crops(filled, color=self._color))


def update_tracks(
    tracker: Any, detections: Detections, frame: ImageBGR, encoder: Encoder
) -> list[Any]:
    """Call `tracker.update_tracks` with the detections of a frame and our embeddings of them.

    Boxes without an area are left out: the host drops them from the detections but not from the
    embeddings, so that those of the following people would be swapped.

    Args:
        tracker: a `DeepSort`, made with `embedder=None`.
        detections: of the frame, or what `Detections` makes some from.
        frame: (H, W, 3) uint8 BGR.
        encoder: of `build_encoder`.

    Returns:
        What the host returns: all its tracks, also those not confirmed or not seen in this frame.

    Raises:
        InputError: `tracker` is not of deep-sort-realtime.
    """
    if not hasattr(tracker, "update_tracks"):
        raise InputError(
            f"tracker is a {type(tracker).__name__}: expected DeepSort of deep-sort-realtime"
        )
    found = detections if isinstance(detections, Detections) else Detections(detections)
    found = found[(found.boxes[:, 2:] > found.boxes[:, :2]).all(axis=1)]
    embeddings = encoder.encode(frame, found.boxes)
    rows = zip(
        xyxy_to_tlwh(found.boxes).tolist(),
        found.scores.tolist(),
        found.classes.tolist(),
        strict=True,
    )
    tracks: list[Any] = tracker.update_tracks(list(rows), embeds=list(embeddings), frame=frame)
    return tracks
