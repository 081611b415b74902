"""Distances between embeddings: cosine, Euclidean and squared Euclidean, in blocks of rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Protocol, get_args

import numpy as np

from reid_tracker.errors import ConfigError, InputError
from reid_tracker.evaluate.labels import FloatArray, Indices, check_embeddings

Metric = Literal["cosine", "euclidean", "sqeuclidean"]
"""1 - cosine; Euclidean; squared Euclidean, which torchreid calls "euclidean"."""

METRICS: tuple[Metric, ...] = get_args(Metric)

_SHORTEST = 1e-12
_BLOCK_BYTES = 256 * 2**20
_BYTES_PER_PAIR = 24
"""What a pair may cost on the way from a distance to its rank: distance, sort key, temporaries."""


class DistanceTable(Protocol):
    """Distances of Q queries to G gallery entries that exist only a block of rows at a time.

    A (Q, G) numpy array is one, too.

    Attributes:
        shape: (Q, G).
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """(Q, G)."""

    def __getitem__(self, rows: slice, /) -> FloatArray:
        """Return the distances of a block of queries, (rows, G)."""


class EmbeddingDistances:
    """Distances between two sets of embeddings, computed a block at a time.

    Args:
        queries: (Q, D) embeddings.
        gallery: (G, D) embeddings.
        metric: "cosine", "euclidean" or "sqeuclidean". A row of zeros has no direction: its cosine
            distance to everything is 1.

    Raises:
        InputError: the embeddings are not finite, or their sizes differ.
        ConfigError: the metric is unknown.
    """

    def __init__(self, queries: FloatArray, gallery: FloatArray, metric: Metric = "cosine") -> None:
        if metric not in METRICS:
            raise ConfigError(f"metric = {metric}: expected one of {', '.join(METRICS)}")
        self._metric = metric
        same = queries is gallery
        queries, gallery = (
            check_embeddings("queries", queries),
            check_embeddings("gallery", gallery),
        )
        if len(queries) and len(gallery) and queries.shape[1] != gallery.shape[1]:
            raise InputError(
                f"queries have {queries.shape[1]} numbers each but gallery {gallery.shape[1]}; "
                "both must come from the same encoder"
            )
        if metric == "cosine":
            self._queries = _unit(queries)
            self._gallery = self._queries if same else _unit(gallery)
        else:
            self._queries, self._gallery = queries, gallery
            self._query_squares = _squares(queries)
            self._gallery_squares = _squares(gallery)

    @property
    def shape(self) -> tuple[int, int]:
        """(Q, G)."""
        return len(self._queries), len(self._gallery)

    def __getitem__(self, rows: slice, /) -> FloatArray:
        """Return the distances of a block of queries, (rows, G) float32, none negative."""
        queries = self._queries[rows]
        if 0 in (len(queries), len(self._gallery)):
            return np.empty((len(queries), len(self._gallery)), np.float32)
        block: FloatArray = queries @ self._gallery.T
        if self._metric == "cosine":
            np.subtract(1, block, out=block)
        else:
            block *= -2
            block += self._query_squares[rows, None]
            block += self._gallery_squares
        np.maximum(block, 0, out=block)
        return np.sqrt(block, out=block) if self._metric == "euclidean" else block

    @property
    def width(self) -> int:
        """D, numbers in an embedding."""
        return int(self._gallery.shape[1])

    def pairs(self, rows: Indices, columns: Indices) -> FloatArray:
        """Return the distances of (P,) single pairs of query `rows` and gallery `columns`."""
        distances: FloatArray
        products = np.einsum("pd,pd->p", self._queries[rows], self._gallery[columns])
        if self._metric == "cosine":
            distances = 1 - products
        else:
            distances = self._query_squares[rows] + self._gallery_squares[columns] - 2 * products
        np.maximum(distances, 0, out=distances)
        return np.sqrt(distances, out=distances) if self._metric == "euclidean" else distances


def pairwise_distances(
    queries: FloatArray, gallery: FloatArray, metric: Metric = "cosine"
) -> FloatArray:
    """Return the whole (Q, G) float32 table of distances; see `EmbeddingDistances`.

    Raises:
        InputError: the embeddings are not finite, or their sizes differ.
        ConfigError: the metric is unknown.
    """
    return EmbeddingDistances(queries, gallery, metric)[:]


def row_blocks(shape: tuple[int, ...], block_rows: int | None = None) -> Iterator[slice]:
    """Cut the rows of a (Q, G) table into blocks that fit in a few hundred megabytes.

    Args:
        shape: of the table.
        block_rows: rows in a block, if not to be chosen here.
    """
    size = block_rows or max(1, _BLOCK_BYTES // (_BYTES_PER_PAIR * max(1, shape[1])))
    for start in range(0, shape[0], size):
        yield slice(start, min(start + size, shape[0]))


def _unit(rows: FloatArray) -> FloatArray:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: FloatArray = rows / np.maximum(lengths, _SHORTEST)
    return unit


def _squares(rows: FloatArray) -> FloatArray:
    squares: FloatArray = np.einsum("nd,nd->n", rows, rows)
    return squares
