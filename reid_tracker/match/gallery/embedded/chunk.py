"""A chunk of vectors in memory: filtered by columns, then compared with a query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reid_tracker.arrays import Float32Array, IntArray
from reid_tracker.match.gallery.records import Where

Codes = npt.NDArray[np.int32]
Vectors = npt.NDArray[np.float16] | Float32Array

_BLOCK_ROWS = 512
"""Rows converted to float32 at a time: few enough for the processor's cache."""

_MIN_SQUEEZED = 1024
"""Used rows from which a chunk with free rows is compacted; fewer are not worth a copy."""

_EXPONENT_SHIFT = np.float32(2.0**112)
"""From the exponents of float16 to those of float32, whose biases are 15 and 127."""


class Limit(NamedTuple):
    """Rows whose `column` has one of these values, names as codes; or, if not `among`, none."""

    column: str
    values: Codes | IntArray
    among: bool = True


class Chunk:
    """A block of vectors with the columns by which they are filtered.

    Rows are only appended, in ascending order of `numbers`. Removed rows stay until compaction:
    `used` rows are filled, and `count` of them not removed.
    """

    def __init__(self, rows: int, size: int, dtype: np.dtype[np.generic]) -> None:
        self.used = self.count = 0
        self.numbers = np.empty(rows, np.int64)
        self.identities = np.empty(rows, np.int64)
        self.cameras = np.empty(rows, np.int32)
        self.sites = np.empty(rows, np.int32)
        self.starts_s = np.empty(rows, np.float64)
        self.ends_s = np.empty(rows, np.float64)
        self.alive = np.zeros(rows, np.bool_)
        self.vectors: Vectors = np.empty((rows, size), dtype)
        self._first_s, self._last_s = np.inf, -np.inf

    def _columns(self) -> tuple[npt.NDArray[np.generic], ...]:
        return (self.numbers, self.identities, self.cameras, self.sites, self.starts_s, self.ends_s)

    def fill(
        self, columns: tuple[npt.NDArray[np.generic], ...], vectors: Vectors, start: int
    ) -> int:
        """Append as many rows from `start` on as fit, and return their number."""
        count = min(len(vectors) - start, len(self.numbers) - self.used)
        to, source = slice(self.used, self.used + count), slice(start, start + count)
        for own, given in zip(self._columns(), columns, strict=True):
            own[to] = given[source]
        self.vectors[to] = vectors[source]
        self.alive[to] = True
        self.used += count
        self.count += count
        self._first_s = min(self._first_s, float(self.starts_s[to].min()))
        self._last_s = max(self._last_s, float(self.ends_s[to].max()))
        return count

    def rows_of(self, wanted: IntArray) -> IntArray:
        """Return the rows whose number is one of these sorted ones."""
        numbers = self.numbers[: self.used]
        low, high = np.searchsorted(wanted, (numbers[0], numbers[-1] + 1))
        wanted = wanted[low:high]
        starts = np.searchsorted(numbers, wanted, "left")
        counts = np.searchsorted(numbers, wanted, "right") - starts
        # Each start is followed by as many rows as its number has.
        before = np.cumsum(counts) - counts
        rows: IntArray = np.arange(counts.sum()) + np.repeat(starts - before, counts)
        return rows

    def rows_after(self, number: int) -> IntArray:
        """Return the rows, removed or not, of sightings with larger numbers."""
        return np.arange(np.searchsorted(self.numbers[: self.used], number, "right"), self.used)

    def remove(self, rows: IntArray) -> None:
        """Overwrite rows, so that no search finds them."""
        self.count -= int(self.alive[rows].sum())
        self.alive[rows] = False
        self.vectors[rows] = 0

    def compacted(self) -> Chunk | None:
        """Return the chunk, compacted if half of it is removed; None if it is empty.

        A chunk with free rows is compacted in place. Otherwise people in view, who are written
        again every few seconds, would fill it with removed rows. Each compaction frees at least as
        many rows as it moves, so a written row costs at most one more.
        """
        kept = np.flatnonzero(self.alive[: self.used])
        if len(kept) == 0:
            return None
        if len(kept) > self.used // 2:
            return self
        if self.used < len(self.numbers):
            if self.used >= _MIN_SQUEEZED:
                self._squeeze(kept)
            return self
        copy = Chunk(len(kept), self.vectors.shape[1], self.vectors.dtype)
        copy.fill(tuple(column[kept] for column in self._columns()), self.vectors[kept], 0)
        return copy

    def _squeeze(self, kept: IntArray) -> None:
        """Move the remaining rows to the front, in their order."""
        columns = tuple(column[kept] for column in self._columns())
        vectors = self.vectors[kept]
        # No copy may stay behind of people who are forgotten later.
        self.alive[: self.used] = False
        self.vectors[: self.used] = 0
        self.used = self.count = 0
        self._first_s, self._last_s = np.inf, -np.inf
        self.fill(columns, vectors, 0)

    def select(
        self, where: Where, limits: Sequence[Limit], rows: IntArray | None = None
    ) -> IntArray:
        """Return the rows that pass a filter, of all or of some."""
        if self._last_s < where.since_s or self._first_s > where.until_s:
            return np.empty(0, np.int64)
        chosen = slice(self.used) if rows is None else rows
        mask = self.alive[chosen].copy()
        for name, values, among in limits:
            column = getattr(self, name)[chosen]
            found = column == values[0] if len(values) == 1 else np.isin(column, values)
            mask &= found if among else ~found
        if where.since_s > self._first_s:
            mask &= self.ends_s[chosen] >= where.since_s
        if where.until_s < self._last_s:
            mask &= self.starts_s[chosen] <= where.until_s
        return np.flatnonzero(mask) if rows is None else rows[mask]

    def scores(self, rows: IntArray, query: Float32Array) -> Float32Array:
        """Return the (n,) float32 cosine similarities of rows to a query."""
        scores = np.empty(len(rows), np.float32)
        for start in range(0, len(rows), _BLOCK_ROWS):
            block = rows[start : start + _BLOCK_ROWS]
            whole = block[-1] - block[0] + 1 == len(block)
            # Adjacent rows need no copy.
            vectors = self.vectors[block[0] : block[-1] + 1] if whole else self.vectors[block]
            scores[start : start + len(block)] = to_float32(vectors) @ query
        return scores


def to_float32(vectors: Vectors) -> Float32Array:
    """Convert finite float16 exactly, three times as fast as numpy's own conversion."""
    if vectors.dtype == np.float32:
        return vectors  # type: ignore[return-value]
    bits = vectors.view(np.uint16).astype(np.uint32)
    sign = bits & 0x8000
    sign <<= 16
    bits &= 0x7FFF
    bits <<= 13
    values = bits.view(np.float32)
    values *= _EXPONENT_SHIFT
    bits |= sign
    return values
