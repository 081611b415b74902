"""k-reciprocal re-ranking written as arXiv 1701.08398 defines it, one set and one pair at a time.

N(p, k) are the k nearest others of p, and p itself. Of the two readings of the expansion rule, the
one of the authors' code is taken: strictly more than 2/3 shared.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

Table = Sequence[Sequence[float]]


def neighbours(table: Table, p: int, k: int) -> list[int]:
    """N(p, k), p first, then by distance and number."""
    others = sorted((q for q in range(len(table)) if q != p), key=lambda q: (table[p][q], q))
    return [p, *others[:k]]


def reciprocal(table: Table, p: int, k: int) -> set[int]:
    """R(p, k): those near p that also have p near."""
    return {q for q in neighbours(table, p, k) if p in neighbours(table, q, k)}


def expanded(table: Table, p: int, k: int) -> set[int]:
    """R*(p, k): with the k/2-reciprocal sets of its members that mostly agree."""
    own = reciprocal(table, p, k)
    result = set(own)
    for q in own:
        candidate = reciprocal(table, q, round(k / 2))
        if len(own & candidate) * 3 > 2 * len(candidate):
            result |= candidate
    return result


def described(table: Table, p: int, k1: int) -> list[float]:
    """V(p): exp(-distance) over R*(p, k1), scaled to sum 1."""
    members = expanded(table, p, k1)
    weights = [math.exp(-table[p][q]) if q in members else 0.0 for q in range(len(table))]
    return [weight / sum(weights) for weight in weights]


def rerank(distances: Table, queries: int, k1: int, k2: int, weight: float) -> list[list[float]]:
    """Return the re-ranked distances of the first `queries` pictures to the rest.

    Args:
        distances: (N, N) original distances, squared Euclidean or cosine.
        queries: number of queries; they come first.
        k1: size of the neighbourhoods.
        k2: number of descriptions averaged, with the picture's own.
        weight: part of the original distance.
    """
    size = len(distances)
    table = [[value / (max(row) or 1.0) for value in row] for row in distances]
    raw = [described(table, p, k1) for p in range(size)]
    mixed = []
    for p in range(size):
        near = neighbours(table, p, k2 - 1)
        mixed.append([sum(raw[q][column] for q in near) / len(near) for column in range(size)])
    result = []
    for p in range(queries):
        row = []
        for g in range(queries, size):
            minima = sum(min(a, b) for a, b in zip(mixed[p], mixed[g], strict=True))
            maxima = sum(max(a, b) for a, b in zip(mixed[p], mixed[g], strict=True))
            row.append((1 - weight) * (1 - minima / maxima) + weight * table[p][g])
        result.append(row)
    return result
