"""Re-ranking by k-reciprocal neighbours (Zhong et al., arXiv 1701.08398).

Two pictures are alike if they have the same neighbours. Every picture, query or gallery, is
described by its k-reciprocal neighbours; the Jaccard distance of these descriptions is mixed with
the original distance. Neighbourhoods are sparse: nothing of size (Q + G)^2 is ever kept.

Choices where sources differ: the original distance is the squared Euclidean one of the paper (or
1 - cosine, the same for unit rows), divided by the largest of its row; a neighbour's neighbours are
added if *more than* 2/3 of them are shared, as in the authors' code (the paper writes "at least");
a picture is always its own first neighbour, also among exact duplicates. torchreid squares once
more, so its re-ranked figures differ.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from reid_tracker.errors import ConfigError
from reid_tracker.evaluate.distance import EmbeddingDistances, Metric, row_blocks
from reid_tracker.evaluate.labels import FloatArray, IntArray, check_embeddings
from reid_tracker.evaluate.order import nearest
from reid_tracker.evaluate.ragged import concatenated_ranges

_PAIRS_AT_ONCE = 2**22
_GATHERED_NUMBERS = 2**24


@dataclass(frozen=True)
class Reranking:
    """Settings of the method; the defaults are the paper's for Market-1501.

    Attributes:
        k1: neighbours, without the picture itself, among which reciprocal ones are sought.
        k2: descriptions averaged in the local query expansion, the picture's own included.
        weight: lambda, the part of the original distance in the result, in [0, 1].

    Raises:
        ConfigError: a setting is out of range.
    """

    k1: int = 20
    k2: int = 6
    weight: float = 0.3

    def __post_init__(self) -> None:
        if self.k1 < 1 or self.k2 < 1 or not 0 <= self.weight <= 1:
            raise ConfigError(
                f"k1 = {self.k1}, k2 = {self.k2}, weight = {self.weight}: expected k1 and k2 of at "
                "least 1 and a weight from 0 to 1"
            )


class RerankedDistances:
    """Re-ranked distances of queries to a gallery, computed a block of rows at a time.

    Args:
        queries: (Q, D) embeddings.
        gallery: (G, D) embeddings.
        metric: of the neighbourhoods; both Euclidean ones mean the squared distance.
        settings: of the method.
        block_rows: rows of the (Q + G, Q + G) table compared at a time while neighbours are
            sought; by default chosen to bound memory.

    Raises:
        InputError: the embeddings are not finite, or their sizes differ.
        ConfigError: the metric is unknown.
    """

    def __init__(
        self,
        queries: FloatArray,
        gallery: FloatArray,
        metric: Metric = "cosine",
        settings: Reranking | None = None,
        block_rows: int | None = None,
    ) -> None:
        self._settings = settings or Reranking()
        metric = "sqeuclidean" if metric == "euclidean" else metric
        queries = check_embeddings("queries", queries)
        self._to_gallery = EmbeddingDistances(queries, gallery, metric)
        pool = _stack(queries, check_embeddings("gallery", gallery))
        table = EmbeddingDistances(pool, pool, metric)
        neighbours, largest = _neighbours(table, self._settings, block_rows)
        self._largest = largest[: len(queries)]
        described = _describe(table, neighbours, largest, self._settings)
        self._queries = described[: len(queries)]
        self._gallery = described[len(queries) :].tocsc()

    @property
    def shape(self) -> tuple[int, int]:
        """(Q, G)."""
        return self._to_gallery.shape

    def __getitem__(self, rows: slice, /) -> FloatArray:
        """Return the re-ranked distances of a block of queries, (rows, G) float32 in [0, 1]."""
        weight = np.float32(self._settings.weight)
        distances = self._to_gallery[rows]
        distances *= weight / self._largest[rows, None]
        jaccard = _jaccard(self._queries[rows], self._gallery)
        jaccard *= 1 - weight
        distances += jaccard
        return distances


def _stack(queries: FloatArray, gallery: FloatArray) -> FloatArray:
    filled = [rows for rows in (queries, gallery) if len(rows)]
    return np.concatenate(filled) if filled else np.empty((0, 0), np.float32)


def _neighbours(
    table: EmbeddingDistances, settings: Reranking, block_rows: int | None
) -> tuple[IntArray, FloatArray]:
    """Return (N, K) nearest pictures, each itself first, and (N,) largest distance of each row."""
    size = table.shape[0]
    count = min(max(settings.k1 + 1, settings.k2), size)
    neighbours = np.empty((size, count), np.int64)
    largest = np.empty(size, np.float32)
    for block in row_blocks(table.shape, block_rows):
        distances = table[block]
        largest[block] = distances.max(axis=1)
        own = np.arange(block.start, block.stop)
        distances[own - block.start, own] = -1
        neighbours[block] = nearest(distances, count)
    largest[largest == 0] = 1  # all pictures are the same
    return neighbours, largest


def _describe(
    table: EmbeddingDistances, neighbours: IntArray, largest: FloatArray, settings: Reranking
) -> sparse.csr_array:
    """Return (N, N) descriptions: rows of weights over pictures, each row with sum 1."""
    members = _expanded_sets(neighbours, settings.k1)
    rows = np.repeat(np.arange(len(largest)), np.diff(members.indptr))
    step = max(1, _GATHERED_NUMBERS // max(1, table.width))
    weights = np.empty(len(rows), np.float32)
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        distances = table.pairs(rows[part], members.indices[part])
        weights[part] = np.exp(-distances / largest[rows[part]])
    weights /= np.bincount(rows, weights, minlength=len(largest))[rows]
    described = sparse.csr_array((weights, members.indices, members.indptr), members.shape)
    if settings.k2 == 1:
        return described
    nearest_k2 = neighbours[:, : settings.k2]
    average = _indicator(nearest_k2).astype(np.float32)
    average.data /= max(nearest_k2.shape[1], 1)
    return sparse.csr_array(average @ described)


def _expanded_sets(neighbours: IntArray, k1: int) -> sparse.csr_array:
    """Return R*(p, k1) of every picture p as an (N, N) pattern, p itself included."""
    reciprocal = _reciprocal(neighbours[:, : k1 + 1])
    half = _reciprocal(neighbours[:, : round(k1 / 2) + 1])
    sizes = np.diff(half.indptr)
    to_half = half.T.tocsr()
    parts = []
    for block in row_blocks(reciprocal.shape, max(1, _PAIRS_AT_ONCE // (k1 + 1) ** 2)):
        own = reciprocal[block]
        shared = (own @ to_half).multiply(own).tocoo()  # |R(p, k1) and R(q, k1/2)|, q in R(p, k1)
        added = 3 * shared.data > 2 * sizes[shared.col]
        taken = sparse.csr_array(
            (shared.data[added], (shared.row[added], shared.col[added])), own.shape
        )
        parts.append(own + taken @ half)
    members = sparse.csr_array(sparse.vstack(parts, format="csr") if parts else reciprocal)
    members.sort_indices()
    return members


def _reciprocal(neighbours: IntArray) -> sparse.csr_array:
    """Return the pattern of pairs that are in each other's neighbour lists."""
    forward = _indicator(neighbours)
    return sparse.csr_array(forward.multiply(forward.T.tocsr()))


def _indicator(columns: IntArray) -> sparse.csr_array:
    """Return an (N, N) pattern with ones at (N, K) `columns`."""
    size, count = columns.shape
    starts = np.arange(size + 1) * count
    ones = np.ones(columns.size, np.int32)
    return sparse.csr_array((ones, columns.ravel(), starts), (size, size))


def _jaccard(queries: sparse.csr_array, gallery: sparse.csc_array) -> FloatArray:
    """Return (C, G) Jaccard distances of descriptions: 1 - sum of minima / sum of maxima.

    Only pictures that both descriptions name have a minimum above 0: an inverted index lists them.

    Args:
        queries: (C, N) descriptions.
        gallery: (G, N) descriptions by column.
    """
    size = gallery.shape[0]
    lengths = np.diff(gallery.indptr)[queries.indices]
    pairs = np.concatenate([[0], np.cumsum(lengths)])[queries.indptr]
    jaccard = np.empty((queries.shape[0], size), np.float32)
    for first, last in _cut(pairs):
        entries = slice(queries.indptr[first], queries.indptr[last])
        counts = lengths[entries]
        listed = concatenated_ranges(gallery.indptr[queries.indices[entries]], counts)
        minima = np.minimum(np.repeat(queries.data[entries], counts), gallery.data[listed])
        row = np.repeat(np.arange(last - first), np.diff(queries.indptr[first : last + 1]))
        cells = np.repeat(row, counts) * size + gallery.indices[listed]
        sums = np.bincount(cells, minima, minlength=(last - first) * size)
        sums = np.minimum(sums, 1).reshape(last - first, size)
        # Each row sums to 1, so maxima are 2 - minima.
        jaccard[first:last] = 1 - sums / (2 - sums)
    return jaccard


def _cut(ends: IntArray) -> list[tuple[int, int]]:
    """Cut rows into runs of few million pairs; `ends` counts the pairs before each row."""
    bounds, total = [0], len(ends) - 1
    while bounds[-1] < total:
        fitting = np.searchsorted(ends, ends[bounds[-1]] + _PAIRS_AT_ONCE, side="right") - 1
        bounds.append(max(bounds[-1] + 1, min(int(fitting), total)))
    return list(itertools.pairwise(bounds))
