"""Whole tracklets as camera hosts send them: embeddings, time span and quality.

A batch holds tracklets of any number of cameras, ended or not. A tracklet that is sent again
replaces its earlier state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reid_tracker.arrays import Float32Array, FloatArray, IntArray
from reid_tracker.errors import InputError


@dataclass(frozen=True, eq=False)
class TrackletBatch:
    """Tracklets of several cameras, one row each.

    Attributes:
        cameras: N names.
        tracks: (N,) int64 ids that the cameras' trackers gave.
        first_s: (N,) start in seconds, on a clock that all cameras share.
        last_s: (N,) end in seconds.
        prototypes: (N, K, D) float32 unit vectors; zeros for unused prototypes.
        weights: (N, K) float32 weights of the prototypes; 0 for unused ones.
        hits: (N,) int64 number of embeddings that the prototypes were made of.
        quality: (N,) sum of the qualities of these embeddings.

    Raises:
        InputError: the columns do not fit together, a tracklet is in the batch twice, a span ends
            before it begins, or a value is not finite or not of unit length.
    """

    cameras: Sequence[str]
    tracks: IntArray
    first_s: FloatArray
    last_s: FloatArray
    prototypes: Float32Array
    weights: Float32Array
    hits: IntArray
    quality: FloatArray

    def __post_init__(self) -> None:
        for name, kind in (("tracks", np.int64), ("hits", np.int64)):
            object.__setattr__(self, name, np.asarray(getattr(self, name), kind))
        for name in ("first_s", "last_s", "quality"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), np.float64))
        for name in ("prototypes", "weights"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), np.float32))
        self._check_shapes()
        self._check_spans()
        self._check_prototypes()

    def _check_shapes(self) -> None:
        count, shape = len(self.cameras), self.prototypes.shape
        if len(shape) != 3 or shape[0] != count:
            raise InputError(f"prototypes have shape {shape}, expected ({count}, K, D)")
        if self.weights.shape != shape[:2]:
            raise InputError(f"weights have shape {self.weights.shape}, expected {shape[:2]}")
        for name in ("tracks", "first_s", "last_s", "hits", "quality"):
            got = getattr(self, name).shape
            if got != (count,):
                raise InputError(
                    f"{name} has shape {got}, expected ({count},): one value per tracklet"
                )
        if len(set(zip(self.cameras, self.tracks.tolist(), strict=True))) < count:
            raise InputError("a tracklet is in the batch twice; send only its latest state")

    def _check_spans(self) -> None:
        if not np.isfinite(self.first_s).all() or not np.isfinite(self.last_s).all():
            raise InputError("first_s or last_s is not finite: expected seconds")
        wrong = self.last_s < self.first_s
        if wrong.any():
            row = int(np.argmax(wrong))
            raise InputError(
                f"tracklet {self.tracks[row]} of camera '{self.cameras[row]}' ends at "
                f"{self.last_s[row]:g} s, before it begins at {self.first_s[row]:g} s"
            )

    def _check_prototypes(self) -> None:
        taken = self.weights > 0
        # A sum of squares is NaN or infinite if a component is.
        squares = np.einsum("nkd,nkd->nk", self.prototypes, self.prototypes)
        if not (np.isfinite(squares).all() and np.isfinite(self.weights).all()):
            raise InputError("prototypes or weights hold NaN or infinite values")
        if (self.weights < 0).any() or (np.abs(squares - 1)[taken] > 0.01).any():
            raise InputError(
                "expected prototypes of length 1 where the weight is above 0, and no weight below 0"
            )

    def __len__(self) -> int:
        """Number of tracklets."""
        return len(self.cameras)
