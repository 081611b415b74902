"""The live tracks of a tracker: one row per track, ordered by id."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from reid_tracker.arrays import BoolArray, Float32Array, FloatArray, IntArray


@dataclass
class TrackTable:
    """Columns of the same length T.

    Attributes:
        ids: track ids, ascending.
        slots: slot of the track in the appearance memory.
        mean: (T, 4, 2) Kalman mean, see `kalman`.
        covariance: (T, 4, 3) Kalman covariance.
        measured: (T, 4) xyxy box of the last match, float64.
        hits: number of matched detections.
        missed: frames since the last match; 0 if matched in this frame.
        confirmed: False while the track is tentative.
        born_s: time of the first detection.
        seen_s: time of the last detection.
        described_s: time of the last embedding in the memory, -inf before the first.
        scores: confidence of the last detection.
        classes: class of the last detection.
        detection_index: row of the matched detection in what `update` was given, or -1.
        found: row of the matched detection among the usable ones of this frame, or -1.
    """

    ids: IntArray
    slots: IntArray
    mean: FloatArray
    covariance: FloatArray
    measured: FloatArray
    hits: IntArray
    missed: IntArray
    confirmed: BoolArray
    born_s: FloatArray
    seen_s: FloatArray
    described_s: FloatArray
    scores: Float32Array
    classes: IntArray
    detection_index: IntArray
    found: IntArray

    @classmethod
    def empty(cls) -> TrackTable:
        """Return a table with zero rows."""
        integers, numbers = np.empty(0, np.int64), np.empty(0, np.float64)
        return cls(
            ids=integers,
            slots=integers,
            mean=np.empty((0, 4, 2)),
            covariance=np.empty((0, 4, 3)),
            measured=np.empty((0, 4)),
            hits=integers,
            missed=integers,
            confirmed=np.empty(0, np.bool_),
            born_s=numbers,
            seen_s=numbers,
            described_s=numbers,
            scores=np.empty(0, np.float32),
            classes=integers,
            detection_index=integers,
            found=integers,
        )

    def __len__(self) -> int:
        return len(self.ids)

    def select(self, rows: BoolArray | IntArray) -> TrackTable:
        """Return the rows where the (T,) mask is True, or rows by their numbers."""
        return replace(self, **{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    def join(self, other: TrackTable) -> TrackTable:
        """Return this table with the rows of `other` appended."""
        return replace(
            self,
            **{
                f.name: np.concatenate([getattr(self, f.name), getattr(other, f.name)])
                for f in fields(self)
            },
        )
