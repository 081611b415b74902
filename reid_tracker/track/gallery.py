"""Appearance memory of all tracks: one ring buffer of unit embeddings and its cosine distances.

DeepSORT (arXiv 1703.07402, section 2.2) keeps the last `budget` embeddings of each track and
compares a detection with the most similar of them. Here all of them lie in one (slots, budget, D)
array; a track owns a slot for its life.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float32]

_FIRST_CAPACITY = 16


class AppearanceGallery:
    """The last `budget` embeddings of each track."""

    def __init__(self, budget: int) -> None:
        """Make an empty gallery; memory grows with the number of tracks alive at once."""
        self._budget = budget
        self._features = np.zeros((0, budget, 0), np.float32)
        self._latest = np.zeros((0, 0), np.float32)
        self._written = np.zeros(0, np.int64)
        self._free = np.zeros(0, np.bool_)

    @property
    def embedding_size(self) -> int | None:
        """Length of the embeddings, None until the first one arrives."""
        return self._features.shape[2] or None

    def acquire(self, count: int) -> IntArray:
        """Return `count` empty slots, the lowest free ones first."""
        missing = count - int(self._free.sum())
        if missing > 0:
            self._grow(max(missing, len(self._free), _FIRST_CAPACITY))
        slots = np.flatnonzero(self._free)[:count]
        self._free[slots] = False
        return slots

    def release(self, slots: IntArray) -> None:
        """Forget the embeddings in (K,) slots and make the slots free."""
        self._features[slots] = 0
        self._latest[slots] = 0
        self._written[slots] = 0
        self._free[slots] = True

    def append(self, slots: IntArray, embeddings: FloatArray) -> None:
        """Remember one embedding for each of (K,) distinct slots; the oldest is overwritten.

        Args:
            slots: (K,) slots.
            embeddings: (K, D) unit rows; a row of zeros says "no appearance" and is not remembered.
        """
        if self.embedding_size is None and embeddings.shape[1]:
            self._allocate(embeddings.shape[1])
        seen = embeddings.any(axis=1)
        slots, embeddings = slots[seen], embeddings[seen]
        self._features[slots, self._written[slots] % self._budget] = embeddings
        self._latest[slots] = embeddings
        self._written[slots] += 1

    def latest_distance(self, slots: IntArray, embeddings: FloatArray) -> FloatArray:
        """Cosine distance of pairs to the newest embedding only, an upper bound of `distance`.

        Args:
            slots: (P,) slots.
            embeddings: (P, D) unit rows.

        Returns:
            (P,) distances, at most 1.
        """
        if self.embedding_size is None:
            return np.ones(len(slots), np.float32)
        similarity = np.einsum("pd,pd->p", self._latest[slots], embeddings)
        distance: FloatArray = 1 - np.maximum(similarity, 0)
        return distance

    def distance(
        self, slots: IntArray, embeddings: FloatArray, pairs: npt.NDArray[np.bool_]
    ) -> FloatArray:
        """Smallest cosine distance between a slot's embeddings and each query it is paired with.

        Args:
            slots: (S,) distinct slots.
            embeddings: (N, D) unit rows.
            pairs: (S, N) bool, the pairs to compute.

        Returns:
            (S, N) distances, at most 1; 1 also where `pairs` is False or a slot is empty.
        """
        distances = np.ones(pairs.shape, np.float32)
        if self.embedding_size is None or not pairs.any():
            return distances
        asked = np.flatnonzero(pairs.any(axis=1))
        row, column = np.nonzero(pairs[asked])
        # Each slot's queries are packed to the left, (A, D, K) with K the most that any slot has:
        # one stacked matrix product then covers all pairs and reads each slot's memory once.
        rank = np.arange(len(row)) - np.searchsorted(row, row)
        queries = np.zeros((len(asked), embeddings.shape[1], int(rank.max()) + 1), np.float32)
        queries[row, :, rank] = embeddings[column]
        similarity = np.matmul(self._memory(slots[asked]), queries).max(axis=1, initial=0)
        distances[asked[row], column] = 1 - similarity[row, rank]
        return distances

    def _memory(self, slots: IntArray) -> FloatArray:
        """Return the embeddings of (A,) slots, (A, depth, D), padded with zeros."""
        depth = int(min(self._written[slots].max(), self._budget))
        return self._features[slots, :depth]

    def _grow(self, slots: int) -> None:
        self._features = np.concatenate(
            [self._features, np.zeros((slots, *self._features.shape[1:]), np.float32)]
        )
        self._latest = np.concatenate(
            [self._latest, np.zeros((slots, self._latest.shape[1]), np.float32)]
        )
        self._written = np.concatenate([self._written, np.zeros(slots, np.int64)])
        self._free = np.concatenate([self._free, np.ones(slots, np.bool_)])

    def _allocate(self, size: int) -> None:
        capacity = len(self._free)
        self._features = np.zeros((capacity, self._budget, size), np.float32)
        self._latest = np.zeros((capacity, size), np.float32)
