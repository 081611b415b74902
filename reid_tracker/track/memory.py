"""Appearance memory of tracks: the last embeddings of each, and cosine distances to them.

DeepSORT (arXiv 1703.07402, section 2.2) keeps the last `budget` embeddings of each track and
compares a detection with the most similar one. One (slots, budget, D) array holds them all; a track
owns a slot while it lives. The paper calls this a gallery; here a gallery is a database of people.
"""

from __future__ import annotations

import numpy as np

from reid_tracker.arrays import BoolArray, Float32Array, IntArray

_FIRST_CAPACITY = 16


class AppearanceMemory:
    """The last `budget` embeddings of each track."""

    def __init__(self, budget: int) -> None:
        """Make an empty memory; it grows with the number of tracks alive at once."""
        self._budget = budget
        self._embeddings = np.zeros((0, budget, 0), np.float32)
        self._latest = np.zeros((0, 0), np.float32)
        self._written = np.zeros(0, np.int64)
        self._free = np.zeros(0, np.bool_)

    @property
    def embedding_size(self) -> int | None:
        """Length of the embeddings, None until the first one arrives."""
        return self._embeddings.shape[2] or None

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
        self._embeddings[slots] = 0
        self._latest[slots] = 0
        self._written[slots] = 0
        self._free[slots] = True

    def append(self, slots: IntArray, embeddings: Float32Array) -> None:
        """Remember one embedding for each of (K,) distinct slots; the oldest is overwritten.

        Args:
            slots: (K,) slots.
            embeddings: (K, D) unit rows; a row of zeros means "no appearance" and is skipped.
        """
        if self.embedding_size is None and embeddings.shape[1]:
            self._allocate(embeddings.shape[1])
        seen = embeddings.any(axis=1)
        slots, embeddings = slots[seen], embeddings[seen]
        self._embeddings[slots, self._written[slots] % self._budget] = embeddings
        self._latest[slots] = embeddings
        self._written[slots] += 1

    def absorb(self, slots: IntArray, others: IntArray) -> None:
        """Append what each of (K,) other slots remembers to a slot, and release the others."""
        for position in range(self._budget):
            more = self._written[others] > position
            if not more.any():
                break
            self.append(slots[more], self._embeddings[others[more], position])
        self.release(others)

    def mean(self, slots: IntArray) -> Float32Array:
        """Return the (P, D) mean embedding of each slot with unit length, or a row of zeros."""
        total = self._padded(slots).sum(axis=1)
        length = np.linalg.norm(total, axis=1, keepdims=True)
        unit: Float32Array = total / np.maximum(length, np.finfo(np.float32).tiny)
        return unit

    def filled(self, slots: IntArray) -> BoolArray:
        """Return (P,) whether each slot holds an embedding."""
        return self._written[slots] > 0

    def count(self, slots: IntArray) -> IntArray:
        """Return (P,) how many embeddings each slot was given."""
        return self._written[slots]

    def latest_distance(self, slots: IntArray, embeddings: Float32Array) -> Float32Array:
        """Return cosine distances to the newest embeddings, an upper bound of `distance`.

        Args:
            slots: (P,) slots.
            embeddings: (P, D) unit rows.

        Returns:
            (P,) distances, at most 1.
        """
        if self.embedding_size is None:
            return np.ones(len(slots), np.float32)
        similarity = np.einsum("pd,pd->p", self._latest[slots], embeddings)
        distance: Float32Array = 1 - np.maximum(similarity, 0)
        return distance

    def distance(self, slots: IntArray, embeddings: Float32Array, pairs: BoolArray) -> Float32Array:
        """Return the smallest cosine distance between each slot's embeddings and its queries.

        Args:
            slots: (S,) distinct slots.
            embeddings: (N, D) unit rows.
            pairs: (S, N) the pairs to compute.

        Returns:
            (S, N) distances, at most 1; 1 also where `pairs` is False or a slot is empty.
        """
        distances = np.ones(pairs.shape, np.float32)
        if self.embedding_size is None or not pairs.any():
            return distances
        # One slot after the other: a view of its rows, where several at once would be copied.
        for row in np.flatnonzero(pairs.any(axis=1)).tolist():
            columns = np.flatnonzero(pairs[row])
            known = self._embeddings[slots[row], : self._written[slots[row]]]
            similarity = known @ embeddings[columns].T
            distances[row, columns] = 1 - similarity.max(axis=0, initial=0)
        return distances

    def _padded(self, slots: IntArray) -> Float32Array:
        """Return the embeddings of (A,) slots, (A, depth, D), padded with zeros."""
        depth = int(min(self._written[slots].max(), self._budget))
        return self._embeddings[slots, :depth]

    def _grow(self, slots: int) -> None:
        self._embeddings = np.concatenate(
            [self._embeddings, np.zeros((slots, *self._embeddings.shape[1:]), np.float32)]
        )
        self._latest = np.concatenate(
            [self._latest, np.zeros((slots, self._latest.shape[1]), np.float32)]
        )
        self._written = np.concatenate([self._written, np.zeros(slots, np.int64)])
        self._free = np.concatenate([self._free, np.ones(slots, np.bool_)])

    def _allocate(self, size: int) -> None:
        capacity = len(self._free)
        self._embeddings = np.zeros((capacity, self._budget, size), np.float32)
        self._latest = np.zeros((capacity, size), np.float32)
