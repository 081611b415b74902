"""Several prototypes per tracklet: unit vectors, each the weighted mean of embeddings alike.

One mean over a tracklet blurs front and back, light and shade, and whoever stood in front for a
second. A prototype takes the embeddings that are near it; a look that none has makes a new one,
until all are taken. How alike two tracklets are is then asked look by look.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]


class PrototypeMemory:
    """The prototypes of many tracklets, one row a tracklet.

    Attributes:
        vectors: (R, K, D) float32 unit vectors; zeros where a prototype is not taken.
        weights: (R, K) float32 sums of the qualities of the embeddings taken; 0 where not taken.
    """

    def __init__(self, prototypes: int, spread: float) -> None:
        """Make an empty memory.

        Args:
            prototypes: K, most prototypes of a tracklet.
            spread: cosine distance to the nearest prototype above which a new one is made.
        """
        self._spread = spread
        self.vectors = np.zeros((0, prototypes, 0), np.float32)
        self.weights = np.zeros((0, prototypes), np.float32)
        self._means = np.zeros((0, 0), np.float32)

    def grow(self, rows: int) -> None:
        """Add empty rows until there are `rows`."""
        have, size, width = self.vectors.shape
        vectors, weights = (
            np.zeros((rows, size, width), np.float32),
            np.zeros((rows, size), np.float32),
        )
        means = np.zeros((rows, width), np.float32)
        # Zeros are only touched, and so only take memory, where something is written.
        vectors[:have], weights[:have], means[:have] = self.vectors, self.weights, self._means
        self.vectors, self.weights, self._means = vectors, weights, means

    def clear(self, rows: IntArray) -> None:
        """Make (K,) rows empty."""
        self.vectors[rows] = 0
        self.weights[rows] = 0
        self._means[rows] = 0

    def add(self, rows: IntArray, embeddings: FloatArray, qualities: FloatArray) -> None:
        """Take one embedding for each of (M,) distinct rows.

        Args:
            rows: (M,) rows.
            embeddings: (M, D) unit rows.
            qualities: (M,) weights above 0.
        """
        if not self.vectors.shape[2] and embeddings.shape[1]:
            self.vectors = np.zeros((*self.vectors.shape[:2], embeddings.shape[1]), np.float32)
            self._means = np.zeros((len(self.vectors), embeddings.shape[1]), np.float32)
        vectors, weights = self.vectors[rows], self.weights[rows]
        taken = weights > 0
        similarity = np.einsum("mkd,md->mk", vectors, embeddings)
        nearest = np.where(taken, similarity, -np.inf).argmax(axis=1)
        line = np.arange(len(rows))
        far = ~taken[line, nearest] | (similarity[line, nearest] < 1 - self._spread)
        # The first free prototype, where there is one and the look is new.
        slot = np.where(far & ~taken.all(axis=1), (~taken).argmax(axis=1), nearest)
        total = weights[line, slot] + qualities
        blend = weights[line, slot, None] * vectors[line, slot] + qualities[:, None] * embeddings
        length = np.linalg.norm(blend, axis=1, keepdims=True)
        self.vectors[rows, slot] = blend / np.where(length > 0, length, 1)
        self.weights[rows, slot] = total
        mean = np.einsum("mk,mkd->md", self.weights[rows], self.vectors[rows])
        length = np.linalg.norm(mean, axis=1, keepdims=True)
        self._means[rows] = mean / np.where(length > 0, length, 1)

    def put(self, rows: IntArray, vectors: FloatArray, weights: FloatArray) -> None:
        """Replace what (M,) distinct rows hold.

        Args:
            rows: (M,) rows.
            vectors: (M, L, D) unit vectors; of more than K the heaviest are kept, or their mean
                where K is 1.
            weights: (M, L), 0 where not taken.
        """
        if not len(rows):
            return  # vectors of none have no size
        if not self.vectors.shape[2] and vectors.shape[2]:
            self.vectors = np.zeros((*self.vectors.shape[:2], vectors.shape[2]), np.float32)
            self._means = np.zeros((len(self.vectors), vectors.shape[2]), np.float32)
        means = np.einsum("ml,mld->md", weights, vectors)
        length = np.sqrt(np.einsum("md,md->m", means, means))[:, None]
        means /= np.where(length > 0, length, 1)
        most = self.vectors.shape[1]
        if most == 1 < vectors.shape[1]:
            vectors, weights = means[:, None], weights.sum(axis=1, keepdims=True)
        elif vectors.shape[1] > most:
            heaviest = np.argsort(-weights, axis=1, kind="stable")[:, :most]
            vectors = np.take_along_axis(vectors, heaviest[:, :, None], axis=1)
            weights = np.take_along_axis(weights, heaviest, axis=1)
        given = vectors.shape[1]
        self.vectors[rows, :given], self.vectors[rows, given:] = vectors, 0
        self.weights[rows, :given], self.weights[rows, given:] = weights, 0
        self._means[rows] = means

    def means(self, rows: IntArray) -> FloatArray:
        """Return the (A, D) weighted means of rows, of unit length; zeros where nothing is held."""
        return self._means[rows]


def prototype_distance(
    vectors_a: FloatArray, weights_a: FloatArray, vectors_b: FloatArray, weights_b: FloatArray
) -> FloatArray:
    """Cosine distance of every pair of prototype sets, look by look.

    Each prototype is compared with the nearest of the other set; the mean over a set goes by
    weight, and the two directions count alike.

    Args:
        vectors_a: (A, K, D) unit vectors, zeros where not taken.
        weights_a: (A, K), 0 where not taken.
        vectors_b: (B, L, D).
        weights_b: (B, L).

    Returns:
        (A, B) distances in [0, 2]; 1 where a set is empty.
    """
    (count_a, size_a, width), (count_b, size_b, _) = vectors_a.shape, vectors_b.shape
    if not (count_a and count_b and width):
        return np.ones((count_a, count_b), np.float32)
    similarity = vectors_a.reshape(-1, width) @ vectors_b.reshape(-1, width).T
    similarity = similarity.reshape(count_a, size_a, count_b, size_b)
    similarity[weights_a == 0] = -np.inf
    similarity = np.where((weights_b > 0)[None, None], similarity, -np.inf)
    from_a = _weighted(similarity.max(axis=3).transpose(0, 2, 1), weights_a[:, None])
    from_b = _weighted(similarity.max(axis=1), weights_b[None])
    return (1 - (from_a + from_b) / 2).astype(np.float32)


def paired_prototype_distance(
    vectors_a: FloatArray, weights_a: FloatArray, vectors_b: FloatArray, weights_b: FloatArray
) -> FloatArray:
    """`prototype_distance` of each set with some sets of its own, instead of with all.

    Args:
        vectors_a: (P, K, D) unit vectors, zeros where not taken.
        weights_a: (P, K), 0 where not taken.
        vectors_b: (P, M, L, D).
        weights_b: (P, M, L).

    Returns:
        (P, M) distances in [0, 2]; 1 where a set is empty.
    """
    count, sets, size_b, width = vectors_b.shape
    size_a = vectors_a.shape[1]
    flat = vectors_b.reshape(count, sets * size_b, width)
    similarity = np.matmul(vectors_a, flat.transpose(0, 2, 1))
    similarity = similarity.reshape(count, size_a, sets, size_b)
    similarity[weights_a == 0] = -np.inf
    similarity = np.where((weights_b > 0)[:, None], similarity, -np.inf)
    from_a = _weighted(similarity.max(axis=3).transpose(0, 2, 1), weights_a[:, None])
    from_b = _weighted(similarity.max(axis=1), weights_b)
    return (1 - (from_a + from_b) / 2).astype(np.float32)


def _weighted(similarity: FloatArray, weights: FloatArray) -> FloatArray:
    """Mean of (A, B, K) similarities by weights that broadcast; 0 where there is none."""
    total = weights.sum(axis=2)
    known = np.where(np.isfinite(similarity), similarity, 0) * weights
    mean: FloatArray = known.sum(axis=2) / np.where(total > 0, total, 1)
    return mean
