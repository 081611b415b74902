"""Thresholds of the matcher from distances of the same and of different people.

Footage without labels will do: looks of one track at different times are one person, looks of two
tracks that a camera sees at the same time are two. Within a camera both distances are smaller than
across cameras, where light and view differ; labelled pictures of several cameras are the better
measure, where there are some.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reid_tracker.config import MatchConfig
from reid_tracker.errors import InputError
from reid_tracker.match.places.floor import FloorTrails
from reid_tracker.match.tracklets.prototypes import PrototypeMemory, prototype_distance
from reid_tracker.match.tracklets.quality import looks_of, qualities
from reid_tracker.match.tracklets.table import TrackletTable
from reid_tracker.types import Embeddings, Tracks

FloatArray = npt.NDArray[np.float64]

LEAST_PAIRS = 20
PIECE_S = 3.0
FALSE_RATE = 0.01


@dataclass(frozen=True)
class Calibration:
    """Thresholds, and what they rest on.

    Attributes:
        tight: `MatchConfig.tight`: at most `FALSE_RATE` of different pairs are as near.
        loose: `MatchConfig.loose`: as many same pairs are farther as different ones are nearer.
        revise_threshold: `MatchConfig.revise_threshold`: as `loose`, since looking back has more to
            go by than the moment.
        same_pairs: number of distances between looks of one person.
        different_pairs: number of those between two people.
        equal_error: part of both that lies on the wrong side of `loose`.
    """

    tight: float
    loose: float
    revise_threshold: float
    same_pairs: int
    different_pairs: int
    equal_error: float


def calibrate(same: FloatArray, different: FloatArray) -> Calibration:
    """Choose thresholds from distances.

    Args:
        same: (S,) cosine distances of one person.
        different: (D,) of two people.

    Raises:
        InputError: there are fewer than `LEAST_PAIRS` of either.
    """
    for name, values in (("one person", same), ("two people", different)):
        if len(values) < LEAST_PAIRS:
            raise InputError(
                f"{len(values)} pairs of {name}: expected at least {LEAST_PAIRS}; calibrate on "
                "longer footage with more people in it"
            )
    same, different = np.sort(same), np.sort(different)
    steps = np.union1d(same, different)
    missed = 1 - np.searchsorted(same, steps, side="right") / len(same)
    false = np.searchsorted(different, steps, side="right") / len(different)
    apart = np.abs(missed - false)
    best = np.flatnonzero(apart <= apart.min() + 1e-12)
    # Where a gap lies between both, its middle is as far from either kind of error as can be.
    after = steps[min(best[-1] + 1, len(steps) - 1)]
    loose = float((steps[best[0]] + after) / 2)
    tight = float(min(loose, np.quantile(different, FALSE_RATE, method="lower")))
    return Calibration(
        tight=round(tight, 4),
        loose=round(loose, 4),
        revise_threshold=round(loose, 4),
        same_pairs=len(same),
        different_pairs=len(different),
        equal_error=float((missed[best[0]] + false[best[0]]) / 2),
    )


class PieceRecorder:
    """Collects the looks of one camera's tracks, cut into pieces of `PIECE_S` seconds."""

    def __init__(self, config: MatchConfig) -> None:
        """Make an empty recorder; looks are kept and compared as `config` says."""
        self._config = config
        looks = PrototypeMemory(config.prototypes, config.thresholds().prototype_spread)
        self._table = TrackletTable(looks, FloorTrails())

    def add(self, tracks: Tracks, embeddings: Embeddings, time_s: float) -> None:
        """Take one frame.

        Args:
            tracks: (M) tracks.
            embeddings: (N, D) of the frame's detections.
            time_s: its time.
        """
        tracks = tracks[np.argsort(tracks.ids)]
        looks = looks_of(tracks, embeddings)
        quality = qualities(tracks, self._config.min_score, self._config.max_cover)
        pieces = (tracks.ages_s // PIECE_S).astype(np.int64)
        for piece in np.unique(pieces).tolist():
            here = pieces == piece
            rows = self._table.rows_of(piece, tracks.ids[here], time_s)
            self._table.observe(rows, time_s, looks[here], quality[here])

    def distances(self) -> tuple[FloatArray, FloatArray]:
        """Return (S,) distances of one person and (D,) distances of two people."""
        table = self._table
        rows = np.flatnonzero(table.alive & (table.hits >= self._config.min_hits))
        sets = table.looks.vectors[rows], table.looks.weights[rows]
        found = prototype_distance(*sets, *sets).astype(np.float64)
        track, first, last = table.track[rows], table.first_s[rows], table.last_s[rows]
        one = track[:, None] == track[None]
        at_once = (first[:, None] <= last[None]) & (first[None] <= last[:, None])
        above = np.triu(np.ones(found.shape, np.bool_), 1)
        return found[one & above], found[~one & at_once & above]
