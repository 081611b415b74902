"""Exact search in memory: vectors in chunks, filtered by camera and time before any product.

Rows are only appended. So they are in the order of their sighting's number and mostly in order of
time, and a chunk outside the time window is skipped.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reid_tracker.arrays import Float32Array, FloatArray, IntArray
from reid_tracker.match.gallery.embedded.chunk import Chunk, Codes, Limit, Vectors
from reid_tracker.match.gallery.records import Where

CHUNK_ROWS = 65_536


class Rows(NamedTuple):
    """Vectors to append, one row each.

    Attributes:
        numbers: (R,) int64 of the sighting, ascending and not below any in memory.
        identities: (R,) int64.
        cameras: R names.
        sites: R names.
        starts_s: (R,) float64.
        ends_s: (R,) float64.
        vectors: (R, D) unit rows.
    """

    numbers: IntArray
    identities: IntArray
    cameras: list[str]
    sites: list[str]
    starts_s: FloatArray
    ends_s: FloatArray
    vectors: Vectors


class VectorMemory:
    """Vectors of D = `size` numbers, with the columns by which they are filtered.

    In float16 they take half the memory, in float32 a search need not convert them.
    """

    def __init__(
        self, size: int, dtype: npt.DTypeLike = np.float16, chunk_rows: int = CHUNK_ROWS
    ) -> None:
        self.size = size
        self._dtype = np.dtype(dtype)
        self._chunk_rows = chunk_rows
        self._chunks: list[Chunk] = []
        self._cameras: dict[str, int] = {}
        self._sites: dict[str, int] = {}

    def __len__(self) -> int:
        """Number of vectors."""
        return sum(int(chunk.alive[: chunk.used].sum()) for chunk in self._chunks)

    @property
    def size_bytes(self) -> int:
        """Memory that the vectors take."""
        return sum(chunk.vectors.nbytes for chunk in self._chunks)

    def append(self, rows: Rows) -> None:
        """Append rows."""
        cameras, sites = _codes(self._cameras, rows.cameras), _codes(self._sites, rows.sites)
        columns = (rows.numbers, rows.identities, cameras, sites, rows.starts_s, rows.ends_s)
        start = 0
        while start < len(rows.numbers):
            if not self._chunks or self._chunks[-1].used == self._chunk_rows:
                self._chunks.append(Chunk(self._chunk_rows, self.size, self._dtype))
            start += self._chunks[-1].fill(columns, rows.vectors, start)

    def remove(self, numbers: IntArray) -> None:
        """Remove the vectors of these sightings and overwrite them with zeros."""
        wanted = np.sort(numbers)
        for chunk in self._chunks:
            chunk.remove(chunk.rows_of(wanted))
        self._chunks = [kept for chunk in self._chunks if (kept := chunk.compacted()) is not None]

    def assign(self, numbers: IntArray, identity: int) -> None:
        """Give the vectors of these sightings to an identity."""
        wanted = np.sort(numbers)
        for chunk in self._chunks:
            chunk.identities[chunk.rows_of(wanted)] = identity

    def search(
        self, query: Float32Array, k: int, where: Where, *, one_per_identity: bool = False
    ) -> tuple[IntArray, Float32Array]:
        """Return the sightings nearest to a (D,) query, best first; of equals, the first written.

        Returns:
            (n,) int64 numbers of sightings, n <= k, and (n,) float32 cosine similarities. With
            `one_per_identity` only the best of each identity, and none of identity 0.
        """
        limits = self._limits(where)
        if limits is None:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        parts = [
            (chunk.numbers[rows], chunk.identities[rows], chunk.scores(rows, query))
            for chunk in self._chunks
            if len(rows := chunk.select(where, limits))
        ]
        if not parts:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        numbers, identities, scores = (
            np.concatenate(column) for column in zip(*parts, strict=True)
        )
        # A sighting's vectors are adjacent; the nearest one counts.
        first = np.flatnonzero(np.r_[True, numbers[1:] != numbers[:-1]])
        scores = np.maximum.reduceat(scores, first)
        numbers, identities = numbers[first], identities[first]
        if one_per_identity:
            sure = identities > 0
            numbers, identities, scores = numbers[sure], identities[sure], scores[sure]
            order = np.lexsort((numbers, -scores))
            best = np.sort(np.unique(identities[order], return_index=True)[1])[:k]
            return numbers[order[best]], scores[order[best]]
        near = _largest(scores, k)
        order = near[np.lexsort((numbers[near], -scores[near]))]
        return numbers[order], scores[order]

    def _limits(self, where: Where) -> list[Limit] | None:
        """Return the filter in codes; None if nothing can pass it."""
        cameras = _known(self._cameras, where.cameras)
        sites = _known(self._sites, where.sites)
        if (where.cameras and not len(cameras)) or (where.sites and not len(sites)):
            return None
        limits = [
            Limit("cameras", cameras),
            Limit("cameras", _known(self._cameras, where.except_cameras), among=False),
            Limit("sites", sites),
            Limit("identities", np.array(where.identities, np.int64)),
            Limit("identities", np.array([*where.except_identities], np.int64), among=False),
        ]
        return [limit for limit in limits if len(limit.values)]


def _codes(known: dict[str, int], names: list[str]) -> Codes:
    """Return the code of each name; new names get the next ones."""
    return np.array([known.setdefault(name, len(known)) for name in names], np.int32)


def _known(known: dict[str, int], names: tuple[str, ...]) -> Codes:
    return np.array([known[name] for name in names if name in known], np.int32)


def _largest(scores: Float32Array, k: int) -> IntArray:
    """Return the indices of the k largest scores in any order; of equal ones, the first."""
    if k >= len(scores):
        return np.arange(len(scores))
    smallest = np.partition(scores, len(scores) - k)[len(scores) - k]
    near = np.flatnonzero(scores > smallest)
    ties = np.flatnonzero(scores == smallest)[: k - len(near)]
    return np.concatenate([near, ties])
