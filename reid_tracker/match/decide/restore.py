"""What a matcher is told instead of deciding it: who was who before, and other numbers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reid_tracker.match.decide.matcher import CrossCameraMatcher
from reid_tracker.match.tracklets.batch import TrackletBatch


def restore(
    matcher: CrossCameraMatcher, batch: TrackletBatch, identities: npt.NDArray[np.int64]
) -> None:
    """Give a new matcher the tracklets of an earlier one; nothing is decided or published.

    Args:
        matcher: has seen nothing yet.
        batch: (N) tracklets.
        identities: (N,) who they are, all above 0.
    """
    table = matcher._table
    numbers = matcher._numbers(batch.cameras)
    order = np.lexsort((batch.tracks, numbers, batch.first_s))
    rows = np.empty(len(batch), np.int64)
    rows[order] = table.rows_of_keys(numbers[order], batch.tracks[order], batch.last_s[order])
    table.replace(rows, batch)
    table.identity[rows], table.score[rows] = identities, 1.0


def rename(
    matcher: CrossCameraMatcher, identity: int, name: int, reason: str, score: float
) -> None:
    """Give all tracklets of an identity another number that no other has, as a "match".

    Args:
        matcher: knows `identity`, and nobody of the number `name`.
        identity: the number until now.
        name: the number from now on.
        reason: one line for people.
        score: similarity in [0, 1] on which it rests.
    """
    table = matcher._table
    rows = np.flatnonzero(table.alive & (table.identity == identity))
    matcher._set(rows, name, "match", reason, np.full(len(rows), score))
