"""The tracklets of all cameras that a matcher remembers, one row each, in reused slots."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from reid_tracker.arrays import Float32Array, FloatArray, IntArray
from reid_tracker.match.places.trails import GroundTrails
from reid_tracker.match.tracklets.batch import TrackletBatch
from reid_tracker.match.tracklets.prototypes import PrototypeMemory
from reid_tracker.types import Embeddings

_FIRST_CAPACITY = 64


class Tracklet(NamedTuple):
    """A copy of one tracklet.

    Attributes:
        camera: number of the camera.
        track: id that the camera's tracker gave.
        identity: number of the person, 0 while not sure.
        span_s: start and end, seconds.
        hits: number of embeddings that were good enough to be remembered.
        quality: mean of their qualities, 0 to 1.
        prototypes: (P, D) float32 unit rows, P >= 1.
        weights: (P,) float32 weights of the prototypes.
    """

    camera: int
    track: int
    identity: int
    span_s: tuple[float, float]
    hits: int
    quality: float
    prototypes: Embeddings
    weights: Float32Array


class TrackletTable:
    """Columns over R rows; a row is a slot that is reused after its tracklet is forgotten.

    Attributes:
        alive: (R,) bool; False for free slots.
        camera: (R,) int64 number of the camera.
        track: (R,) int64 id that the camera's tracker gave.
        first_s: (R,) start, seconds.
        last_s: (R,) end so far, seconds.
        hits: (R,) int64 number of embeddings that were good enough.
        quality: (R,) sum of their qualities.
        identity: (R,) int64 number of the person, 0 while not sure.
        joined_s: (R,) time at which it got its identity; without one, the time since it waits.
        score: (R,) similarity in [0, 1] of that decision.
        order: (R,) int64 number of the tracklet in the order of arrival.
        prototypes: their embeddings.
        trails: their positions on the ground plane.
    """

    def __init__(self, prototypes: PrototypeMemory, trails: GroundTrails) -> None:
        self.prototypes = prototypes
        self.trails = trails
        self.alive = np.zeros(0, np.bool_)
        self.camera = np.zeros(0, np.int64)
        self.track = np.zeros(0, np.int64)
        self.first_s = np.zeros(0)
        self.last_s = np.zeros(0)
        self.hits = np.zeros(0, np.int64)
        self.quality = np.zeros(0)
        self.identity = np.zeros(0, np.int64)
        self.joined_s = np.zeros(0)
        self.score = np.zeros(0)
        self.order = np.zeros(0, np.int64)
        self._row_of: dict[tuple[int, int], int] = {}
        self._came = 0

    def rows_of(self, camera: int, tracks: IntArray, time_s: float) -> IntArray:
        """Return the (M,) rows of tracks of one camera; see `rows_of_keys`."""
        cameras = np.full(len(tracks), camera, np.int64)
        return self.rows_of_keys(cameras, tracks, np.full(len(tracks), time_s))

    def rows_of_keys(self, cameras: IntArray, tracks: IntArray, times_s: FloatArray) -> IntArray:
        """Return the (M,) rows of distinct pairs of camera number and track id.

        Unknown ones get a free slot, in this order; they start and end at `times_s`.
        """
        keys = list(zip(cameras.tolist(), tracks.tolist(), strict=True))
        rows = np.array([self._row_of.get(key, -1) for key in keys], np.int64)
        new = np.flatnonzero(rows < 0)
        if len(new):
            slots = self._free_slots(len(new))
            rows[new] = slots
            self.alive[slots] = True
            self.camera[slots], self.track[slots] = cameras[new], tracks[new]
            self.first_s[slots] = self.last_s[slots] = self.joined_s[slots] = times_s[new]
            self.hits[slots] = self.identity[slots] = 0
            self.quality[slots] = self.score[slots] = 0
            self.order[slots] = np.arange(self._came, self._came + len(new))
            self._came += len(new)
            added = zip([keys[row] for row in new.tolist()], slots.tolist(), strict=True)
            self._row_of.update(added)
        return rows

    def observe(
        self, rows: IntArray, time_s: float, embeddings: Embeddings, qualities: FloatArray
    ) -> None:
        """Add one observation to each of (M,) distinct rows.

        Embeddings are (M, D) unit rows; those that are zero or of quality 0 are not remembered.
        """
        self.last_s[rows] = time_s
        good = (qualities > 0) & embeddings.any(axis=1)
        rows, qualities = rows[good], qualities[good]
        self.prototypes.add(rows, embeddings[good], qualities.astype(np.float32))
        self.hits[rows] += 1
        self.quality[rows] += qualities

    def replace(self, rows: IntArray, batch: TrackletBatch) -> None:
        """Replace the content of (M,) distinct rows with the tracklets of a batch."""
        self.first_s[rows], self.last_s[rows] = batch.first_s, batch.last_s
        self.hits[rows], self.quality[rows] = batch.hits, batch.quality
        self.prototypes.put(rows, batch.prototypes, batch.weights)

    def members(self, rows: IntArray) -> list[tuple[int, int]]:
        """Return camera number and track id of (K,) rows, in the order of arrival."""
        rows = rows[np.argsort(self.order[rows])]
        return list(zip(self.camera[rows].tolist(), self.track[rows].tolist(), strict=True))

    def tracklets(self, rows: IntArray) -> list[Tracklet]:
        """Return copies of those of (K,) rows that have an embedding, in the order of arrival."""
        rows = rows[self.hits[rows] > 0]
        found = []
        for row in rows[np.argsort(self.order[rows])].tolist():
            taken = self.prototypes.weights[row] > 0
            found.append(
                Tracklet(
                    camera=int(self.camera[row]),
                    track=int(self.track[row]),
                    identity=int(self.identity[row]),
                    span_s=(float(self.first_s[row]), float(self.last_s[row])),
                    hits=int(self.hits[row]),
                    quality=float(self.quality[row] / self.hits[row]),
                    prototypes=self.prototypes.vectors[row, taken],
                    weights=self.prototypes.weights[row, taken],
                )
            )
        return found

    def forget(self, rows: IntArray) -> None:
        """Free the slots of (K,) rows."""
        for key in self.members(rows):
            del self._row_of[key]
        self.alive[rows] = False
        self.identity[rows] = 0
        self.prototypes.clear(rows)
        self.trails.clear(rows)

    def row(self, camera: int, track: int) -> int | None:
        """Return the row of a tracklet, None if it is not remembered."""
        return self._row_of.get((camera, track))

    def _free_slots(self, count: int) -> IntArray:
        """Return `count` free slots, the lowest first."""
        missing = count - int(np.count_nonzero(~self.alive))
        if missing > 0:
            self._grow(max(missing, len(self.alive), _FIRST_CAPACITY))
        return np.flatnonzero(~self.alive)[:count]

    def _grow(self, more: int) -> None:
        for name, column in vars(self).items():
            if isinstance(column, np.ndarray):
                setattr(self, name, np.concatenate([column, np.zeros(more, column.dtype)]))
        self.prototypes.grow(len(self.alive))
        self.trails.grow(len(self.alive))
