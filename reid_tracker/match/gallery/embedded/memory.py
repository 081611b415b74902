"""The vectors in memory: in chunks, filtered by camera and time before any product.

Rows are only appended. So they are in the order of their sighting's number and mostly in order of
time, and a chunk outside the time window is skipped. The vectors of a large gallery get an index;
it covers the oldest ones, and the newer ones are compared each time.
"""

from __future__ import annotations

from itertools import accumulate
from math import ceil
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reid_tracker.arrays import Float32Array, FloatArray, IntArray
from reid_tracker.match.gallery.embedded.chunk import Chunk, Codes, Limit, Vectors, to_float32
from reid_tracker.match.gallery.records import Where
from reid_tracker.match.gallery.vector_index import (
    TRAINING_ROWS_A_LIST,
    VectorIndex,
    lists_for,
)

CHUNK_ROWS = 65_536

INDEXED_FROM = 65_536
"""Vectors from which an index is built; comparing fewer takes about 20 ms."""

EXACT_ROWS = 20_000
"""Rows that pass a filter up to which all are compared: it takes about 6 ms."""

_BATCH_ROWS = 512
"""Vectors added to the index at a time; fewer newer ones wait, and are compared each time."""

_RETRAINED = 4
"""The lists are learnt anew when the gallery has grown by this factor."""

_MIN_CANDIDATES = 256
_MAX_CANDIDATES = 65_536
_OVERSAMPLED = 12
_EACH_IDENTITY = 3
_SPARE = 2
"""Sightings (or people) that must pass the filter for each that is wanted."""


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
        self._index: VectorIndex | None = None
        self._next_index: VectorIndex | None = None

    def __len__(self) -> int:
        """Number of vectors."""
        return sum(chunk.count for chunk in self._chunks)

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
        for index in (self._index, self._next_index):
            if index is not None:
                index.remove(wanted)
        if len(self) < INDEXED_FROM // 2:
            self.drop_index()

    def assign(self, numbers: IntArray, identity: int) -> None:
        """Give the vectors of these sightings to an identity."""
        wanted = np.sort(numbers)
        for chunk in self._chunks:
            chunk.identities[chunk.rows_of(wanted)] = identity

    def needs_index(self) -> bool:
        """Tell whether an index must be built, or more vectors added to it."""
        return self._needs_training() or self._waiting(self._newest())

    def _newest(self) -> VectorIndex | None:
        return self._index if self._next_index is None else self._next_index

    def _needs_training(self) -> bool:
        newest, rows = self._newest(), len(self)
        return rows >= INDEXED_FROM and (newest is None or rows >= _RETRAINED * newest.rows)

    def _waiting(self, index: VectorIndex | None) -> bool:
        if index is None:
            return False
        rows = (len(chunk.rows_after(index.covered)) for chunk in reversed(self._chunks))
        return any(total >= _BATCH_ROWS for total in accumulate(rows))

    def sample(self) -> Float32Array | None:
        """Return (N, D) vectors for a new index to learn from; None if it is not time for one."""
        if not self._needs_training():
            return None
        random = np.random.default_rng(0)
        share = min(TRAINING_ROWS_A_LIST * lists_for(len(self)) / len(self), 1.0)
        return np.concatenate(
            [
                to_float32(
                    chunk.vectors[np.sort(random.choice(rows, ceil(share * len(rows)), False))]
                )
                for chunk in self._chunks
                if len(rows := np.flatnonzero(chunk.alive[: chunk.used]))
            ]
        )

    def use(self, index: VectorIndex) -> None:
        """Fill this index from now on; until it covers as much, an earlier one stays in use."""
        if self._index is None:
            self._index = index
        else:
            self._next_index = index

    def drop_index(self) -> None:
        """Compare all vectors from now on."""
        self._index = self._next_index = None

    def add_to_index(self) -> bool:
        """Add the next vectors to the index; False if too few wait."""
        index = self._newest()
        if index is None or not self._waiting(index):
            return False
        waiting = (chunk.numbers[chunk.rows_after(index.covered)] for chunk in self._chunks)
        wanted = np.unique(next(numbers for numbers in waiting if len(numbers))[:_BATCH_ROWS])
        numbers, vectors = [], []
        for chunk in self._chunks:  # a sighting may be in two
            rows = chunk.rows_of(wanted)
            rows = rows[chunk.alive[rows]]
            numbers.append(chunk.numbers[rows])
            vectors.append(to_float32(chunk.vectors[rows]))
        index.add(np.concatenate(numbers), np.concatenate(vectors), int(wanted[-1]))
        if index is self._next_index and not self._waiting(index):
            self._index, self._next_index = index, None
        return True

    def search(
        self, query: Float32Array, k: int, where: Where, *, one_per_identity: bool = False
    ) -> tuple[IntArray, Float32Array]:
        """Return the sightings nearest to a (D,) query, best first; of equals, the first written.

        Where an index exists and more than `EXACT_ROWS` vectors pass the filter, only the index's
        candidates are compared, exactly.

        Returns:
            (n,) int64 numbers of sightings, n <= k, and (n,) float32 cosine similarities. With
            `one_per_identity` only the best of each identity, and none of identity 0.
        """
        limits = self._limits(where)
        if limits is None:
            return _NOBODY.ranked(k)
        question = _Question(query, k, where, limits, one_per_identity)
        found = None if self._index is None else self._look_up(question, self._index)
        if found is None:
            if where.except_identities:
                excluded = np.array([*where.except_identities], np.int64)
                limits.append(Limit("identities", excluded, among=False))
            found = self._compare(question, [chunk.select(where, limits) for chunk in self._chunks])
        return found.ranked(k)

    def _look_up(self, question: _Question, index: VectorIndex) -> Scored | None:
        """Compare the index's candidates and all newer vectors; None if all are to be compared.

        The candidates are the beginning of the index's order. So the best that pass the filter are
        among them as soon as more pass than are wanted.
        """
        where, limits, k = question.where, question.limits, question.k
        passing = len(self)
        if question.is_selective():
            rows = [chunk.select(where, limits) for chunk in self._chunks]
            passing = sum(map(len, rows))
            if passing <= EXACT_ROWS:
                return self._compare_allowed(question, rows)
        rows = [chunk.rows_after(index.covered) for chunk in self._chunks]
        if sum(map(len, rows)) > EXACT_ROWS:  # the index is being filled
            return None
        newer = self._compare_allowed(question, rows)
        # Of one person there are often many sightings.
        each = _EACH_IDENTITY if question.one_per_identity else 1
        count = max(_MIN_CANDIDATES, int(_OVERSAMPLED * k * each * len(self) / passing))
        effort = 1
        while count <= _MAX_CANDIDATES:
            wanted = index.candidates(question.query, count, effort)
            rows = [chunk.rows_of(wanted) for chunk in self._chunks]
            found = self._compare_allowed(question, rows)
            if len(found.numbers) >= _SPARE * k:
                return found.joined(newer, question.one_per_identity)
            count, effort = 4 * count, 2 * effort
        return None

    def _compare_allowed(self, question: _Question, rows: list[IntArray]) -> Scored:
        """Compare those of some rows that pass the filter."""
        chosen = [
            chunk.select(question.where, question.limits, some)
            for chunk, some in zip(self._chunks, rows, strict=True)
        ]
        if excluded := question.where.except_identities:
            # For few rows a look into the set is faster than an array of its values.
            chosen = [
                some[[number not in excluded for number in chunk.identities[some].tolist()]]
                if len(some)
                else some
                for chunk, some in zip(self._chunks, chosen, strict=True)
            ]
        return self._compare(question, chosen)

    def _compare(self, question: _Question, rows: list[IntArray]) -> Scored:
        """Compare rows of each chunk with a query exactly."""
        parts = [
            (chunk.numbers[chosen], chunk.identities[chosen], chunk.scores(chosen, question.query))
            for chunk, chosen in zip(self._chunks, rows, strict=True)
            if len(chosen)
        ]
        if not parts:
            return _NOBODY
        numbers, identities, scores = (
            np.concatenate(column) for column in zip(*parts, strict=True)
        )
        # A sighting's vectors are adjacent; the nearest one counts.
        first = np.flatnonzero(np.r_[True, numbers[1:] != numbers[:-1]])
        scores = np.maximum.reduceat(scores, first)
        found = Scored(numbers[first], identities[first], scores)
        return found.of_each_identity() if question.one_per_identity else found

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
        ]
        return [limit for limit in limits if len(limit.values)]


def _codes(known: dict[str, int], names: list[str]) -> Codes:
    """Return the code of each name; new names get the next ones."""
    return np.array([known.setdefault(name, len(known)) for name in names], np.int32)


def _known(known: dict[str, int], names: tuple[str, ...]) -> Codes:
    return np.array([known[name] for name in names if name in known], np.int32)


class _Question(NamedTuple):
    """What a search is asked for; see `VectorMemory.search`."""

    query: Float32Array
    k: int
    where: Where
    limits: list[Limit]
    one_per_identity: bool

    def is_selective(self) -> bool:
        """Tell whether the filter may let only few pass."""
        where = self.where
        timed = where.since_s > -np.inf or where.until_s < np.inf
        return timed or any(limit.among for limit in self.limits)


class Scored(NamedTuple):
    """Sightings and how similar they are.

    Attributes:
        numbers: (n,) int64 of the sightings.
        identities: (n,) int64.
        scores: (n,) float32 cosine similarities.
    """

    numbers: IntArray
    identities: IntArray
    scores: Float32Array

    def joined(self, other: Scored, one_per_identity: bool) -> Scored:
        """Return the sightings of both."""
        both = Scored(
            np.concatenate([self.numbers, other.numbers]),
            np.concatenate([self.identities, other.identities]),
            np.concatenate([self.scores, other.scores]),
        )
        return both.of_each_identity() if one_per_identity else both

    def of_each_identity(self) -> Scored:
        """Return the best sighting of each identity, and none of identity 0."""
        sure = np.flatnonzero(self.identities > 0)
        order = sure[np.lexsort((self.numbers[sure], -self.scores[sure]))]
        best = order[np.unique(self.identities[order], return_index=True)[1]]
        return Scored(self.numbers[best], self.identities[best], self.scores[best])

    def ranked(self, k: int) -> tuple[IntArray, Float32Array]:
        """Return the numbers and scores of the best k, best first; of equals, the first written."""
        near = _largest(self, k)
        order = near[np.lexsort((self.numbers[near], -self.scores[near]))]
        return self.numbers[order], self.scores[order]


_NOBODY = Scored(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))


def _largest(found: Scored, k: int) -> IntArray:
    """Return the places of the k largest scores in any order; of equal ones, the first written."""
    scores = found.scores
    if k >= len(scores):
        return np.arange(len(scores))
    smallest = np.partition(scores, len(scores) - k)[len(scores) - k]
    near = np.flatnonzero(scores > smallest)
    ties = np.flatnonzero(scores == smallest)
    ties = ties[np.argsort(found.numbers[ties])][: k - len(near)]
    return np.concatenate([near, ties])
