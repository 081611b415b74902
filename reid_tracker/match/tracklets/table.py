"""The tracklets that a matcher remembers: one row each, of all cameras, in reused slots."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reid_tracker.match.places.floor import FloorTrails
from reid_tracker.match.tracklets.batch import TrackletBatch
from reid_tracker.match.tracklets.prototypes import PrototypeMemory
from reid_tracker.types import Embeddings

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

_FIRST_CAPACITY = 64


class Tracklet(NamedTuple):
    """What is known of one tracklet.

    Attributes:
        camera: number of the camera.
        track: id that the camera's tracker gave.
        identity: number of the identity, 0 while not sure.
        span_s: times of the first and the last observation.
        hits: observations that were good enough to be remembered.
        quality: mean of their qualities, 0 to 1.
        looks: (P, D) float32 unit rows, P >= 1 prototypes.
        weights: (P,) float32 their weights.
    """

    camera: int
    track: int
    identity: int
    span_s: tuple[float, float]
    hits: int
    quality: float
    looks: Embeddings
    weights: npt.NDArray[np.float32]


class TrackletTable:
    """Columns over R rows; a row is a slot that is reused after its tracklet is forgotten.

    Attributes:
        alive: (R,) bool; False for free slots.
        camera: (R,) int64 number of the camera.
        track: (R,) int64 id that the camera's tracker gave.
        first_s: (R,) time of the first observation.
        last_s: (R,) time of the last.
        hits: (R,) int64 observations with an embedding that was good enough.
        quality: (R,) sum of their qualities.
        identity: (R,) int64 number of the identity, 0 while not sure.
        joined_s: (R,) time at which it got that identity; since when it waits, where it has none.
        score: (R,) similarity in [0, 1] of that decision.
        order: (R,) int64 number of the tracklet in the order in which tracklets came.
        looks: prototypes.
        trails: positions on the floor.
    """

    def __init__(self, looks: PrototypeMemory, trails: FloorTrails) -> None:
        self.looks, self.trails = looks, trails
        self.alive = np.zeros(0, np.bool_)
        self.camera, self.track, self.hits, self.identity, self.order = np.zeros((5, 0), np.int64)
        self.first_s, self.last_s, self.quality, self.joined_s, self.score = np.zeros((5, 0))
        self._row_of: dict[tuple[int, int], int] = {}
        self._came = 0

    def rows_of(self, camera: int, tracks: IntArray, time_s: float) -> IntArray:
        """Return the (M,) rows of a camera's tracks; unknown ones get a free slot.

        Args:
            camera: number of the camera.
            tracks: (M,) distinct ids, rising: the order in which new tracklets come.
            time_s: first and last time of new ones.
        """
        cameras = np.full(len(tracks), camera, np.int64)
        return self.rows_of_keys(cameras, tracks, np.full(len(tracks), time_s))

    def rows_of_keys(self, cameras: IntArray, tracks: IntArray, times_s: FloatArray) -> IntArray:
        """Return the (M,) rows of tracks of several cameras; unknown ones get a free slot.

        Args:
            cameras: (M,) numbers of the cameras.
            tracks: (M,) their ids; each pair of both once, in the order in which new ones come.
            times_s: (M,) first and last time of new ones.
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
        """Add one observation to (M,) distinct rows.

        Args:
            rows: (M,) rows.
            time_s: time of the frame.
            embeddings: (M, D) unit rows; a row of zeros is no look.
            qualities: (M,) weights in [0, 1]; 0 keeps the look out.
        """
        self.last_s[rows] = time_s
        good = (qualities > 0) & embeddings.any(axis=1)
        rows, qualities = rows[good], qualities[good]
        self.looks.add(rows, embeddings[good], qualities.astype(np.float32))
        self.hits[rows] += 1
        self.quality[rows] += qualities

    def replace(self, rows: IntArray, batch: TrackletBatch) -> None:
        """Put what a batch tells of its tracklets into their (M,) distinct rows."""
        self.first_s[rows], self.last_s[rows] = batch.first_s, batch.last_s
        self.hits[rows], self.quality[rows] = batch.hits, batch.quality
        self.looks.put(rows, batch.prototypes, batch.weights)

    def members(self, rows: IntArray) -> list[tuple[int, int]]:
        """Return camera number and track id of (K,) rows, in the order in which they came."""
        rows = rows[np.argsort(self.order[rows])]
        return list(zip(self.camera[rows].tolist(), self.track[rows].tolist(), strict=True))

    def tracklets(self, rows: IntArray) -> list[Tracklet]:
        """Return copies of (K,) rows that have a look, in the order in which they came."""
        rows = rows[self.hits[rows] > 0]
        found = []
        for row in rows[np.argsort(self.order[rows])].tolist():
            taken = self.looks.weights[row] > 0
            found.append(
                Tracklet(
                    camera=int(self.camera[row]),
                    track=int(self.track[row]),
                    identity=int(self.identity[row]),
                    span_s=(float(self.first_s[row]), float(self.last_s[row])),
                    hits=int(self.hits[row]),
                    quality=float(self.quality[row] / self.hits[row]),
                    looks=self.looks.vectors[row, taken],
                    weights=self.looks.weights[row, taken],
                )
            )
        return found

    def forget(self, rows: IntArray) -> None:
        """Free the slots of (K,) rows."""
        for key in self.members(rows):
            del self._row_of[key]
        self.alive[rows] = False
        self.identity[rows] = 0
        self.looks.clear(rows)
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
        for name in (
            *("alive", "camera", "track", "hits", "identity", "order"),
            *("first_s", "last_s", "quality", "joined_s", "score"),
        ):
            column = getattr(self, name)
            setattr(self, name, np.concatenate([column, np.zeros(more, column.dtype)]))
        self.looks.grow(len(self.alive))
        self.trails.grow(len(self.alive))
