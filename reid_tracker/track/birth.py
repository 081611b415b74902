"""Which detections start tracks."""

from __future__ import annotations

import numpy as np

from reid_tracker.arrays import IntArray
from reid_tracker.geometry import cover_matrix
from reid_tracker.track.observations import Observations

_SAME_HEAD = 0.1  # two boxes of one person share the top edge, to this part of the lower height


def without_duplicates(
    new: IntArray,
    taken: IntArray,
    frame: Observations,
    max_cover: float,
    max_cosine_distance: float,
) -> IntArray:
    """Return the detections that are not a second, nested box of a person.

    A detector often finds the upper body inside the whole person. Of two boxes of one class, one
    inside the other, the new one is a duplicate if both have the same head (top edge) or look the
    same.

    Args:
        new: (K,) rows of the frame that would start tracks.
        taken: (M,) rows that continue tracks.
        frame: the detections.
        max_cover: boxes that share a larger part of the smaller one are nested; 1: none are.
        max_cosine_distance: boxes at most this far apart look the same.

    Returns:
        The rows of `new` to start tracks with, in rising order.
    """
    if max_cover >= 1 or not len(new):
        return new
    # Tracked boxes come first, then the more confident ones.
    order = new[np.argsort(-frame.scores[new], kind="stable")]
    rows = np.concatenate([taken, order])
    boxes, classes = frame.boxes[rows], frame.classes[rows]
    heights = boxes[:, 3] - boxes[:, 1]
    low = np.minimum(heights[:, None], heights[None])
    same = np.abs(boxes[:, None, 1] - boxes[None, :, 1]) <= _SAME_HEAD * low
    if frame.embeddings is not None:
        cosine = frame.embeddings[rows] @ frame.embeddings[rows].T
        same |= (1 - cosine <= max_cosine_distance) & (cosine > 0)
    nested = cover_matrix(boxes) > max_cover
    pairs = np.triu(nested & same & (classes[:, None] == classes[None]), k=1)
    kept = np.ones(len(rows), np.bool_)
    for column in range(len(taken), len(rows)):
        kept[column] = not (pairs[:, column] & kept).any()
    return np.sort(rows[len(taken) :][kept[len(taken) :]])
