"""norfair 2: detections with our embeddings, and the distance that recognises people by them.

    from norfair import Tracker
    from reid_tracker.plugins.norfair import reid_distance, to_norfair

    tracker = Tracker("iou", 0.7, reid_distance_function=reid_distance,
                      reid_distance_threshold=0.3, reid_hit_counter_max=60)
    objects = tracker.update(to_norfair(detections, encoder.encode(frame, detections.boxes)))

norfair declares numpy < 2, and works with 2: `pip install --no-deps norfair filterpy`.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from reid_tracker.errors import InputError
from reid_tracker.plugins.hosts import check_host
from reid_tracker.types import Detections, Embeddings

_NEVER = 2.0
"""Larger than any cosine distance of embeddings that are not negative."""


def to_norfair(detections: Detections, embeddings: Embeddings | None = None) -> list[Any]:
    """Return a frame's detections as `norfair.Detection`, boxes as two points each.

    Args:
        detections: of the frame, or what `Detections` makes some from.
        embeddings: (N, D) unit rows, one for each.

    Raises:
        MissingDependencyError: norfair is not installed, or too old.
        InputError: there is not one embedding for each detection.
    """
    _check_norfair()
    import norfair

    found = detections if isinstance(detections, Detections) else Detections(detections)
    if embeddings is not None and len(embeddings) != len(found):
        raise InputError(
            f"{len(embeddings)} embeddings for {len(found)} detections, expected one for each"
        )
    points = found.boxes.astype(np.float64).reshape(-1, 2, 2)
    scores = np.repeat(found.scores.astype(np.float64)[:, None], 2, axis=1)
    rows = zip(
        points,
        scores,
        found.classes.tolist(),
        [None] * len(found) if embeddings is None else embeddings,
        strict=True,
    )
    return [
        norfair.Detection(points=corners, scores=both, label=label, embedding=embedding)
        for corners, both, label, embedding in rows
    ]


@cache
def _check_norfair() -> None:
    """Check once, since it takes as long as a frame's detections do."""
    check_host("norfair", "2.0", "--no-deps norfair filterpy")


def reid_distance(new_object: Any, old_object: Any) -> float:
    """Return the smallest cosine distance of two tracked objects' embeddings, from 0 to 1.

    2 where one has none, which no threshold lets pass.
    """
    new, old = _embeddings(new_object), _embeddings(old_object)
    if not new or not old:
        return _NEVER
    return float(1 - (np.stack(new) @ np.stack(old).T).max())


def _embeddings(tracked: Any) -> list[Any]:
    seen = [*tracked.past_detections, tracked.last_detection]
    return [one.embedding for one in seen if one is not None and one.embedding is not None]
