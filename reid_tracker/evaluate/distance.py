"""Distances between embeddings (cosine, Euclidean, squared Euclidean), in blocks of rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Protocol, get_args

import numpy as np

from reid_tracker.arrays import Float32Array
from reid_tracker.errors import ConfigError, InputError
from reid_tracker.evaluate.labels import Indices, check_embeddings

Metric = Literal["cosine", "euclidean", "sqeuclidean"]
"""1 - cosine similarity; Euclidean; squared Euclidean (torchreid calls this "euclidean")."""

METRICS: tuple[Metric, ...] = get_args(Metric)

_SHORTEST = 1e-12
_BLOCK_BYTES = 256 * 2**20
_BYTES_PER_PAIR = 24
"""Memory per pair while distances become ranks: distance, sort key and temporaries."""


class DistanceTable(Protocol):
    """Distances of Q queries to G gallery entries, computed a block of rows at a time.

    A (Q, G) numpy array also fits this protocol.

    Attributes:
        shape: (Q, G).
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """(Q, G)."""

    def __getitem__(self, rows: slice, /) -> Float32Array:
        """Return the distances of a block of queries, (rows, G)."""


class EmbeddingDistances:
    """Distances between two sets of embeddings, computed a block at a time.

    Args:
        queries: (Q, D) embeddings.
        gallery: (G, D) embeddings.
        metric: "cosine", "euclidean" or "sqeuclidean". The cosine distance of a row of zeros to
            everything is 1.

    Raises:
        InputError: embeddings are not finite, or their sizes differ.
        ConfigError: the metric is unknown.
    """

    def __init__(
        self, queries: Float32Array, gallery: Float32Array, metric: Metric = "cosine"
    ) -> None:
        if metric not in METRICS:
            raise ConfigError(f"metric = {metric}: expected one of {', '.join(METRICS)}")
        self._metric = metric
        same = queries is gallery
        queries = check_embeddings("queries", queries)
        gallery = check_embeddings("gallery", gallery)
        if len(queries) and len(gallery) and queries.shape[1] != gallery.shape[1]:
            raise InputError(
                f"query embeddings have size {queries.shape[1]} but gallery embeddings "
                f"{gallery.shape[1]}; both must come from the same encoder"
            )
        if metric == "cosine":
            self._queries = _unit(queries)
            self._gallery = self._queries if same else _unit(gallery)
        else:
            self._queries, self._gallery = queries, gallery
            self._query_squares, self._gallery_squares = (
                np.einsum("nd,nd->n", rows, rows) for rows in (queries, gallery)
            )

    @property
    def shape(self) -> tuple[int, int]:
        """(Q, G)."""
        return len(self._queries), len(self._gallery)

    def __getitem__(self, rows: slice, /) -> Float32Array:
        """Return the distances of a block of queries, (rows, G) float32 >= 0."""
        queries = self._queries[rows]
        if 0 in (len(queries), len(self._gallery)):
            return np.empty((len(queries), len(self._gallery)), np.float32)
        block: Float32Array = queries @ self._gallery.T
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
        """D, the size of an embedding."""
        return int(self._gallery.shape[1])

    def pairs(self, rows: Indices, columns: Indices) -> Float32Array:
        """Return the (P,) distances of pairs of query `rows` and gallery `columns`."""
        distances: Float32Array
        products = np.einsum("pd,pd->p", self._queries[rows], self._gallery[columns])
        if self._metric == "cosine":
            distances = 1 - products
        else:
            distances = self._query_squares[rows] + self._gallery_squares[columns] - 2 * products
        np.maximum(distances, 0, out=distances)
        return np.sqrt(distances, out=distances) if self._metric == "euclidean" else distances


def pairwise_distances(
    queries: Float32Array, gallery: Float32Array, metric: Metric = "cosine"
) -> Float32Array:
    """Return the (Q, G) float32 distances; see `EmbeddingDistances`.

    Raises:
        InputError: embeddings are not finite, or their sizes differ.
        ConfigError: the metric is unknown.
    """
    return EmbeddingDistances(queries, gallery, metric)[:]


def row_blocks(shape: tuple[int, ...], block_rows: int | None = None) -> Iterator[slice]:
    """Divide the rows of a (Q, G) table into blocks of at most a few hundred megabytes."""
    size = block_rows or max(1, _BLOCK_BYTES // (_BYTES_PER_PAIR * max(1, shape[1])))
    for start in range(0, shape[0], size):
        yield slice(start, min(start + size, shape[0]))


def _unit(rows: Float32Array) -> Float32Array:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Float32Array = rows / np.maximum(lengths, _SHORTEST)
    return unit
