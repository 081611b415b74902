"""Several prototypes per tracklet: unit vectors, each the weighted mean of similar embeddings.

One mean over a whole tracklet would mix front and back, light and shade, and people who stood in
front for a second. So each prototype collects the embeddings near it. An embedding far from all
prototypes starts a new one, as long as one is free. Two tracklets are then compared prototype by
prototype.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from reid_tracker.arrays import Float32Array, IntArray

_SETS_AT_ONCE = 256  # few large matrix products are faster than many small ones


class PrototypeMemory:
    """The prototypes of many tracklets, one row a tracklet.

    Attributes:
        vectors: (R, K, D) float32 unit vectors; zeros for unused prototypes.
        weights: (R, K) float32 sums of the qualities of their embeddings; 0 for unused ones.
    """

    def __init__(self, prototypes: int, spread: float) -> None:
        """Make an empty memory.

        Args:
            prototypes: K, maximum number of prototypes of a tracklet.
            spread: cosine distance to the nearest prototype above which a new one is started.
        """
        self._spread = spread
        self.vectors = np.zeros((0, prototypes, 0), np.float32)
        self.weights = np.zeros((0, prototypes), np.float32)
        self._means = np.zeros((0, 0), np.float32)

    def grow(self, rows: int) -> None:
        """Add empty rows until there are `rows`."""
        have, size, width = self.vectors.shape
        vectors = np.zeros((rows, size, width), np.float32)
        weights = np.zeros((rows, size), np.float32)
        means = np.zeros((rows, width), np.float32)
        # Zeros take memory only where something is written.
        vectors[:have], weights[:have], means[:have] = self.vectors, self.weights, self._means
        self.vectors, self.weights, self._means = vectors, weights, means

    def clear(self, rows: IntArray) -> None:
        """Empty (K,) rows."""
        self.vectors[rows] = 0
        self.weights[rows] = 0
        self._means[rows] = 0

    def add(self, rows: IntArray, embeddings: Float32Array, qualities: Float32Array) -> None:
        """Add one of (M, D) unit embeddings, of quality above 0, to each of (M,) distinct rows."""
        self._set_width(embeddings.shape[1])
        vectors, weights = self.vectors[rows], self.weights[rows]
        taken = weights > 0
        similarity = np.einsum("mkd,md->mk", vectors, embeddings)
        nearest = np.where(taken, similarity, -np.inf).argmax(axis=1)
        line = np.arange(len(rows))
        far = ~taken[line, nearest] | (similarity[line, nearest] < 1 - self._spread)
        # The first free prototype, if there is one and the embedding is far from the others.
        slot = np.where(far & ~taken.all(axis=1), (~taken).argmax(axis=1), nearest)
        total = weights[line, slot] + qualities
        blend = weights[line, slot, None] * vectors[line, slot] + qualities[:, None] * embeddings
        length = np.linalg.norm(blend, axis=1, keepdims=True)
        self.vectors[rows, slot] = blend / np.where(length > 0, length, 1)
        self.weights[rows, slot] = total
        mean = np.einsum("mk,mkd->md", self.weights[rows], self.vectors[rows])
        length = np.linalg.norm(mean, axis=1, keepdims=True)
        self._means[rows] = mean / np.where(length > 0, length, 1)

    def put(self, rows: IntArray, vectors: Float32Array, weights: Float32Array) -> None:
        """Replace what (M,) distinct rows hold by (M, L, D) unit vectors and their (M, L) weights.

        If L > K, the K heaviest are kept, or their mean if K is 1.
        """
        if not len(rows):
            return  # D is not known
        self._set_width(vectors.shape[2])
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

    def means(self, rows: IntArray) -> Float32Array:
        """Return the (A, D) weighted means of rows, of unit length; zeros for empty rows."""
        return self._means[rows]

    def _set_width(self, width: int) -> None:
        if width and not self.vectors.shape[2]:
            self.vectors = np.zeros((*self.vectors.shape[:2], width), np.float32)
            self._means = np.zeros((len(self.vectors), width), np.float32)


def stack_prototypes(
    vectors: Sequence[Float32Array], weights: Sequence[npt.ArrayLike]
) -> tuple[Float32Array, Float32Array]:
    """Stack N sets of (P_i, D) prototypes and (P_i,) weights into (N, P, D) and (N, P) arrays.

    P is the largest P_i; unused places hold zeros.
    """
    most = max((len(rows) for rows in vectors), default=0)
    width = vectors[0].shape[1] if vectors else 0
    stacked = np.zeros((len(vectors), most, width), np.float32)
    weighed = np.zeros((len(vectors), most), np.float32)
    for row, (rows, own) in enumerate(zip(vectors, weights, strict=True)):
        stacked[row, : len(rows)] = rows
        weighed[row, : len(rows)] = own
    return stacked, weighed


def prototype_distance(
    vectors_a: Float32Array,
    weights_a: Float32Array,
    vectors_b: Float32Array,
    weights_b: Float32Array,
) -> Float32Array:
    """Return the (A, B) cosine distances of (A, K, D) and (B, L, D) prototype sets, in [0, 2].

    Each prototype is compared with the nearest one of the other set. The distance is the weighted
    mean over a set, averaged over both directions; 1 if a set is empty. Unused prototypes have
    weight 0.
    """
    distance = np.ones((len(vectors_a), len(vectors_b)), np.float32)
    a, parts_a = _by_place(vectors_a, weights_a)
    b, parts_b = _by_place(vectors_b, weights_b)
    if len(a) and len(b):
        distance[np.ix_(a, b)] = _distances(parts_a, parts_b)
    return distance


_Parts = list[tuple[Float32Array, Float32Array]]
"""The n-th prototypes of sets and their (N_n,) weights, for each n. The largest sets come first."""


def all_prototype_distances(vectors: Float32Array, weights: Float32Array) -> Float32Array:
    """Return the (N, N) `prototype_distance` of (N, K, D) sets to each other."""
    found = np.ones((len(vectors), len(vectors)), np.float32)
    sets, parts = _by_place(vectors, weights)
    for start in range(0, len(sets), _SETS_AT_ONCE):
        end = start + _SETS_AT_ONCE
        here, rest = sets[start:end], sets[start:]
        block = _distances(_cut(parts, start, end), _cut(parts, start, len(sets)))
        found[np.ix_(here, rest)] = block
        found[np.ix_(rest, here)] = block.T
    return found


def _by_place(vectors: Float32Array, weights: Float32Array) -> tuple[IntArray, _Parts]:
    """Return the sets that are not empty, the largest first, and their n-th prototypes for each n.

    So the sets with an n-th prototype are always the first ones. The weights of a set sum to 1.
    """
    sizes = (weights > 0).sum(axis=1)
    sets = np.argsort(-sizes, kind="stable")[: np.count_nonzero(sizes)]
    places = np.argsort(weights[sets] <= 0, axis=1, kind="stable")
    shares = weights[sets] / weights[sets].sum(axis=1, keepdims=True)
    parts = []
    for number in range(int(sizes.max(initial=0))):
        first = np.arange(np.count_nonzero(sizes > number))
        place = places[first, number]
        parts.append((vectors[sets[first], place], shares[first, place]))
    return sets, parts


def _cut(parts: _Parts, start: int, end: int) -> _Parts:
    """Return the parts of the sets from `start` to `end`."""
    return [(own[start:end], shares[start:end]) for own, shares in parts if len(own) > start]


def _distances(parts_a: _Parts, parts_b: _Parts) -> Float32Array:
    """Return the (A, B) distances of the sets in two lists of parts, which are not empty."""
    shape = len(parts_a[0][0]), len(parts_b[0][0])
    nearest = [np.empty((len(own), shape[1]), np.float32) for own, _ in parts_a]
    products, best = np.empty((2, *shape), np.float32)
    total = np.zeros(shape, np.float32)
    for number, (theirs, shares) in enumerate(parts_b):
        there = slice(len(theirs))
        for (own, _), near in zip(parts_a, nearest, strict=True):
            here = slice(len(own))
            # The first product has all columns, or all rows: it is the best so far.
            similarity = np.matmul(own, theirs.T, out=(products if number else near)[here, there])
            if number:
                np.maximum(near[:, there], similarity, out=near[:, there])
            if near is nearest[0]:
                best[:, there] = similarity
            else:
                np.maximum(best[here, there], similarity, out=best[here, there])
        best[:, there] *= shares
        total[:, there] += best[:, there]
    for (own, shares), near in zip(parts_a, nearest, strict=True):
        np.multiply(near, shares[:, None], out=near)
        total[: len(own)] += near
    total *= -0.5
    total += 1
    return total


def paired_prototype_distance(
    vectors_a: Float32Array,
    weights_a: Float32Array,
    vectors_b: Float32Array,
    weights_b: Float32Array,
) -> Float32Array:
    """Return the (P, M) `prototype_distance` of (P, K, D) sets to (P, M, L, D), M for each."""
    count, sets, size_b, width = vectors_b.shape
    size_a = vectors_a.shape[1]
    flat = vectors_b.reshape(count, sets * size_b, width)
    similarity = np.matmul(vectors_a, flat.transpose(0, 2, 1))
    similarity = similarity.reshape(count, size_a, sets, size_b)
    similarity[weights_a == 0] = -np.inf
    np.copyto(similarity, -np.inf, where=(weights_b == 0)[:, None])
    from_a = _weighted(similarity.max(axis=3).transpose(0, 2, 1), weights_a[:, None])
    from_b = _weighted(similarity.max(axis=1), weights_b)
    return (1 - (from_a + from_b) / 2).astype(np.float32)


def _weighted(similarity: Float32Array, weights: Float32Array) -> Float32Array:
    """Return the (A, B) weighted means of (A, B, K) similarities; 0 without weight."""
    total = weights.sum(axis=2)
    known = np.where(np.isfinite(similarity), similarity, 0) * weights
    mean: Float32Array = known.sum(axis=2) / np.where(total > 0, total, 1)
    return mean
