"""Thresholds of the matcher, calibrated on embedding distances of the same and different people.

This needs no labels: embeddings of one track at different times show one person, and two tracks
that a camera sees at the same time are two people. Distances within a camera are smaller than
across cameras, where light and view differ. So labelled pictures of several cameras, if you have
them, calibrate better.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reid_tracker.arrays import FloatArray
from reid_tracker.config import MatchConfig
from reid_tracker.errors import InputError
from reid_tracker.match.places.trails import GroundTrails
from reid_tracker.match.tracklets.prototypes import PrototypeMemory, prototype_distance
from reid_tracker.match.tracklets.quality import qualities, track_embeddings
from reid_tracker.match.tracklets.table import TrackletTable
from reid_tracker.types import Embeddings, Tracks

MIN_PAIRS = 20
PIECE_S = 3.0
FALSE_RATE = 0.01


@dataclass(frozen=True)
class CalibratedThresholds:
    """Thresholds for `MatchConfig` and `DeepSortConfig`, and the evidence for them.

    Attributes:
        max_cosine_distance: halfway between `tight` and `loose`, as in the defaults.
        tight: at most `FALSE_RATE` of the pairs of different people are as near.
        loose: the rates of both errors, missed and false pairs, are equal here.
        revise_threshold: the same as `loose`, because looking back has more evidence.
        same_pairs: number of distances between embeddings of one person.
        different_pairs: number of distances between two people.
        equal_error: rate of both errors at `loose`.
    """

    max_cosine_distance: float
    tight: float
    loose: float
    revise_threshold: float
    same_pairs: int
    different_pairs: int
    equal_error: float


def calibrate(same: FloatArray, different: FloatArray) -> CalibratedThresholds:
    """Choose thresholds from (S,) cosine distances of one person and (D,) of two people.

    Raises:
        InputError: there are fewer than `MIN_PAIRS` of either kind.
    """
    for name, values in (("one person", same), ("two people", different)):
        if len(values) < MIN_PAIRS:
            raise InputError(
                f"{len(values)} pairs of {name}: expected at least {MIN_PAIRS}; calibrate on "
                "longer footage with more people in it"
            )
    same, different = np.sort(same), np.sort(different)
    steps = np.union1d(same, different)
    missed = 1 - np.searchsorted(same, steps, side="right") / len(same)
    false = np.searchsorted(different, steps, side="right") / len(different)
    apart = np.abs(missed - false)
    best = np.flatnonzero(apart <= apart.min() + 1e-12)
    # If there is a gap between both kinds, its middle is farthest from either error.
    after = steps[min(best[-1] + 1, len(steps) - 1)]
    loose = float((steps[best[0]] + after) / 2)
    tight = float(min(loose, np.quantile(different, FALSE_RATE, method="lower")))
    return CalibratedThresholds(
        max_cosine_distance=round((tight + loose) / 2, 4),
        tight=round(tight, 4),
        loose=round(loose, 4),
        revise_threshold=round(loose, 4),
        same_pairs=len(same),
        different_pairs=len(different),
        equal_error=float((missed[best[0]] + false[best[0]]) / 2),
    )


class PieceRecorder:
    """Collects the embeddings of one camera's tracks, cut into pieces of `PIECE_S` seconds."""

    def __init__(self, config: MatchConfig) -> None:
        """Make an empty recorder; `config` says how embeddings are kept and compared."""
        self._config = config
        memory = PrototypeMemory(config.prototypes, config.thresholds().prototype_spread)
        self._table = TrackletTable(memory, GroundTrails())

    def add(self, tracks: Tracks, embeddings: Embeddings, timestamp_s: float) -> None:
        """Add one frame: its tracks and the (N, D) embeddings of its detections."""
        tracks = tracks[np.argsort(tracks.ids)]
        embeddings = track_embeddings(tracks, embeddings)
        quality = qualities(tracks, self._config.min_score, self._config.max_cover)
        pieces = (tracks.ages_s // PIECE_S).astype(np.int64)
        for piece in np.unique(pieces).tolist():
            here = pieces == piece
            rows = self._table.rows_of(piece, tracks.ids[here], timestamp_s)
            self._table.observe(rows, timestamp_s, embeddings[here], quality[here])

    def distances(self) -> tuple[FloatArray, FloatArray]:
        """Return (S,) distances of one person and (D,) distances of different people."""
        table = self._table
        rows = np.flatnonzero(table.alive & (table.hits >= self._config.min_hits))
        vectors, weights = table.prototypes.vectors[rows], table.prototypes.weights[rows]
        found = prototype_distance(vectors, weights, vectors, weights).astype(np.float64)
        track, first, last = table.track[rows], table.first_s[rows], table.last_s[rows]
        one = track[:, None] == track[None]
        at_once = (first[:, None] <= last[None]) & (first[None] <= last[:, None])
        above = np.triu(np.ones(found.shape, np.bool_), 1)
        return found[one & above], found[~one & at_once & above]
