"""Re-identification metrics written plainly, one query and one gallery entry at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

Person = tuple[int, int]
"""Identity and camera."""


@dataclass
class PlainScores:
    cmc: list[float]
    mean_ap: float
    mean_inp: float
    queries: int
    skipped: int
    gallery: int


def distance(a: Sequence[float], b: Sequence[float], metric: str) -> float:
    if metric == "cosine":
        lengths = math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(x * x for x in b))
        return 1.0 if lengths == 0 else 1 - sum(x * y for x, y in zip(a, b, strict=True)) / lengths
    squares = sum((x - y) ** 2 for x, y in zip(a, b, strict=True))
    return squares if metric == "sqeuclidean" else math.sqrt(squares)


def ranked_hits(
    distances: Sequence[float], query: Person, gallery: Sequence[Person]
) -> list[tuple[bool, int]]:
    """Gallery entries that count for a query, nearest first: (is it right, its number)."""
    hits = []
    for entry in sorted(range(len(gallery)), key=lambda entry: (distances[entry], entry)):
        identity, camera = gallery[entry]
        if identity == -1 or (identity == query[0] and camera == query[1]):
            continue
        hits.append((identity == query[0] and identity > 0, entry))
    return hits


def average_precision(hits: Sequence[bool]) -> float:
    found, total = 0, 0.0
    for rank, hit in enumerate(hits, start=1):
        if hit:
            found += 1
            total += found / rank
    return total / found


def inverse_negative_penalty(hits: Sequence[bool]) -> float:
    hardest = max(rank for rank, hit in enumerate(hits, start=1) if hit)
    return 1 - (hardest - sum(hits)) / hardest


def found_within(hits: Sequence[bool], max_rank: int) -> list[float]:
    return [float(any(hits[:rank])) for rank in range(1, max_rank + 1)]


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def score(
    distances: Sequence[Sequence[float]],
    query: Sequence[Person],
    gallery: Sequence[Person],
    max_rank: int,
) -> PlainScores:
    curves, precisions, penalties, skipped = [], [], [], 0
    for row, person in zip(distances, query, strict=True):
        if person[0] == -1:
            continue
        hits = [hit for hit, _ in ranked_hits(row, person, gallery)]
        if not any(hits):
            skipped += 1
            continue
        curves.append(found_within(hits, max_rank))
        precisions.append(average_precision(hits))
        penalties.append(inverse_negative_penalty(hits))
    return PlainScores(
        cmc=[mean([curve[rank] for curve in curves]) for rank in range(max_rank)],
        mean_ap=mean(precisions),
        mean_inp=mean(penalties),
        queries=sum(identity != -1 for identity, _ in query),
        skipped=skipped,
        gallery=sum(identity != -1 for identity, _ in gallery),
    )


def single_shot_cmc(
    distances: Sequence[Sequence[float]],
    query: Sequence[Person],
    gallery: Sequence[Person],
    draws: Sequence[Sequence[int]],
    max_rank: int,
) -> list[float]:
    """CMC over galleries with one picture a person: the first of each `draw` that a query may use.

    Args:
        distances: a row for each query.
        query: who asks.
        gallery: who may be found.
        draws: permutations of the gallery entries that are not junk.
        max_rank: length of the curve.
    """
    curves = []
    for draw in draws:
        for row, person in zip(distances, query, strict=True):
            if person[0] == -1:
                continue
            counted = ranked_hits(row, person, gallery)
            if not any(hit for hit, _ in counted):
                continue
            allowed = {entry for _, entry in counted}
            shown: dict[int, int] = {}
            for entry in draw:
                identity = gallery[entry][0]
                if entry in allowed and identity > 0:
                    shown.setdefault(identity, entry)
            kept = set(shown.values()) | {e for e in allowed if gallery[e][0] == 0}
            curves.append(found_within([hit for hit, e in counted if e in kept], max_rank))
    return [mean([curve[rank] for curve in curves]) for rank in range(max_rank)]
