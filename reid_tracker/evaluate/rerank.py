"""Re-ranking by k-reciprocal neighbours (Zhong et al., arXiv 1701.08398).

Images are similar if they have the same neighbours. The k-reciprocal neighbours of every image,
query or gallery, are encoded as a vector; the Jaccard distance of these vectors is mixed with the
original distance. The vectors are sparse, so no (Q + G) x (Q + G) table is stored.

Where sources differ: the original distance is the squared Euclidean distance of the paper (or 1 -
cosine, which is equivalent for unit rows), divided by the largest value of its row; the neighbours
of a neighbour are added if *more than* 2/3 are shared, as in the authors' code (the paper says "at
least"); an image is always its own first neighbour, even among exact duplicates. torchreid squares
the distance once more, so its re-ranked scores differ.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from reid_tracker.arrays import Float32Array, IntArray
from reid_tracker.errors import ConfigError
from reid_tracker.evaluate.distance import EmbeddingDistances, Metric, row_blocks
from reid_tracker.evaluate.labels import check_embeddings
from reid_tracker.evaluate.order import concatenated_ranges, nearest

_PAIRS_AT_ONCE = 2**22
_GATHERED_NUMBERS = 2**24


@dataclass(frozen=True)
class Reranking:
    """Settings of re-ranking; the defaults are those of the paper for Market-1501.

    Attributes:
        k1: number of neighbours, without the image itself, that may be reciprocal.
        k2: number of vectors averaged in local query expansion, including the image's own.
        weight: lambda, the weight of the original distance in the result, in [0, 1].

    Raises:
        ConfigError: a value is out of range.
    """

    k1: int = 20
    k2: int = 6
    weight: float = 0.3

    def __post_init__(self) -> None:
        if self.k1 < 1 or self.k2 < 1 or not 0 <= self.weight <= 1:
            raise ConfigError(
                f"k1 = {self.k1}, k2 = {self.k2}, weight = {self.weight}: expected k1 >= 1, "
                "k2 >= 1 and a weight from 0 to 1"
            )


class RerankedDistances:
    """Re-ranked distances of queries to a gallery, computed a block of rows at a time.

    Args:
        queries: (Q, D) embeddings.
        gallery: (G, D) embeddings.
        metric: distance that defines neighbours; both Euclidean metrics mean the squared distance.
        settings: settings of re-ranking.
        block_rows: rows of the (Q + G, Q + G) distances computed at a time in the search for
            neighbours; by default chosen to limit memory.

    Raises:
        InputError: the embeddings are not finite, or their sizes differ.
        ConfigError: the metric is unknown.
    """

    def __init__(
        self,
        queries: Float32Array,
        gallery: Float32Array,
        metric: Metric = "cosine",
        settings: Reranking | None = None,
        block_rows: int | None = None,
    ) -> None:
        self._settings = settings or Reranking()
        metric = "sqeuclidean" if metric == "euclidean" else metric
        queries = check_embeddings("queries", queries)
        self._to_gallery = EmbeddingDistances(queries, gallery, metric)
        both = [rows for rows in (queries, check_embeddings("gallery", gallery)) if len(rows)]
        pool = np.concatenate(both) if both else np.empty((0, 0), np.float32)
        table = EmbeddingDistances(pool, pool, metric)
        neighbours, largest = _neighbours(table, self._settings, block_rows)
        self._largest = largest[: len(queries)]
        vectors = _neighbour_vectors(table, neighbours, largest, self._settings)
        self._queries = vectors[: len(queries)]
        self._gallery = vectors[len(queries) :].tocsc()

    @property
    def shape(self) -> tuple[int, int]:
        """(Q, G)."""
        return self._to_gallery.shape

    def __getitem__(self, rows: slice, /) -> Float32Array:
        """Return the re-ranked distances of a block of queries, (rows, G) float32 in [0, 1]."""
        weight = np.float32(self._settings.weight)
        distances = self._to_gallery[rows]
        distances *= weight / self._largest[rows, None]
        jaccard = _jaccard(self._queries[rows], self._gallery)
        jaccard *= 1 - weight
        distances += jaccard
        return distances


def _neighbours(
    table: EmbeddingDistances, settings: Reranking, block_rows: int | None
) -> tuple[IntArray, Float32Array]:
    """Return (N, K) nearest images, itself first, and the (N,) largest distance of each row."""
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
    largest[largest == 0] = 1  # all images are equal
    return neighbours, largest


def _neighbour_vectors(
    table: EmbeddingDistances, neighbours: IntArray, largest: Float32Array, settings: Reranking
) -> sparse.csr_array:
    """Return (N, N) neighbour vectors: rows of weights over images with sum 1."""
    members = _expanded_sets(neighbours, settings.k1)
    rows = np.repeat(np.arange(len(largest)), np.diff(members.indptr))
    step = max(1, _GATHERED_NUMBERS // max(1, table.width))
    weights = np.empty(len(rows), np.float32)
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        distances = table.pairs(rows[part], members.indices[part])
        weights[part] = np.exp(-distances / largest[rows[part]])
    weights /= np.bincount(rows, weights, minlength=len(largest))[rows]
    vectors = sparse.csr_array((weights, members.indices, members.indptr), members.shape)
    if settings.k2 == 1:
        return vectors
    nearest_k2 = neighbours[:, : settings.k2]
    average = _indicator(nearest_k2).astype(np.float32)
    average.data /= max(nearest_k2.shape[1], 1)
    return sparse.csr_array(average @ vectors)


def _expanded_sets(neighbours: IntArray, k1: int) -> sparse.csr_array:
    """Return R*(p, k1) of every image p as an (N, N) pattern, including p itself."""
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
    """Return the pattern of pairs that are neighbours of each other."""
    forward = _indicator(neighbours)
    return sparse.csr_array(forward.multiply(forward.T.tocsr()))


def _indicator(columns: IntArray) -> sparse.csr_array:
    """Return an (N, N) pattern with ones at (N, K) `columns`."""
    size, count = columns.shape
    starts = np.arange(size + 1) * count
    ones = np.ones(columns.size, np.int32)
    return sparse.csr_array((ones, columns.ravel(), starts), (size, size))


def _jaccard(queries: sparse.csr_array, gallery: sparse.csc_array) -> Float32Array:
    """Return (C, G) Jaccard distances of neighbour vectors: 1 - sum of minima / sum of maxima.

    Only images in both vectors have a minimum above 0; an inverted index finds them.
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
        # Each vector sums to 1, so the maxima sum to 2 - minima.
        jaccard[first:last] = 1 - sums / (2 - sums)
    return jaccard


def _cut(ends: IntArray) -> list[tuple[int, int]]:
    """Divide rows into blocks of a few million pairs; `ends` counts the pairs before each row."""
    bounds, total = [0], len(ends) - 1
    while bounds[-1] < total:
        fitting = np.searchsorted(ends, ends[bounds[-1]] + _PAIRS_AT_ONCE, side="right") - 1
        bounds.append(max(bounds[-1] + 1, min(int(fitting), total)))
    return list(itertools.pairwise(bounds))
