"""Evaluates re-identification: from embeddings over distances and re-ranking to scores."""

from __future__ import annotations

import dataclasses
from typing import Literal, get_args

import numpy as np

from reid_tracker.errors import ConfigError
from reid_tracker.evaluate.cuhk03 import REPEATS, single_shot_cmc
from reid_tracker.evaluate.distance import DistanceTable, EmbeddingDistances, Metric
from reid_tracker.evaluate.labels import Samples, check_queries
from reid_tracker.evaluate.ranking import MAX_RANK, ReidScores, score_ranking
from reid_tracker.evaluate.rerank import RerankedDistances, Reranking

ReidProtocol = Literal["standard", "cuhk03-classic"]
"""The protocol of Market-1501, or the single-gallery-shot CMC of the classic CUHK03 split."""

PROTOCOLS: tuple[ReidProtocol, ...] = get_args(ReidProtocol)


def evaluate_reid(
    query: Samples,
    gallery: Samples,
    *,
    metric: Metric = "cosine",
    reranking: Reranking | None = None,
    protocol: ReidProtocol = "standard",
    repeats: int = REPEATS,
    generator: np.random.Generator | None = None,
    max_rank: int = MAX_RANK,
    block_rows: int | None = None,
) -> ReidScores:
    """Score how well queries find images of the same person from other cameras.

    Needs at most a few hundred megabytes of memory besides the embeddings.

    Args:
        query: Q images; junk is dropped.
        gallery: G images; junk is dropped.
        metric: "cosine", "euclidean" or "sqeuclidean".
        reranking: settings of k-reciprocal re-ranking; None means no re-ranking.
        protocol: "standard", or "cuhk03-classic", which averages the CMC over random galleries.
        repeats: number of random galleries.
        generator: draws the random galleries; by default seeded with 0.
        max_rank: length of the CMC curve.
        block_rows: queries compared at a time; by default chosen to limit memory.

    Returns:
        The scores; queries without a true match are counted as skipped.

    Raises:
        InputError: the embeddings have different sizes, or a query has identity 0.
        ConfigError: the metric or the protocol is unknown.
    """
    if protocol not in PROTOCOLS:
        raise ConfigError(f"protocol = {protocol}: expected one of {', '.join(PROTOCOLS)}")
    query, gallery = query.without_junk(), gallery.without_junk()
    check_queries(query.labels)
    table: DistanceTable
    if reranking is None:
        table = EmbeddingDistances(query.embeddings, gallery.embeddings, metric)
    else:
        table = RerankedDistances(
            query.embeddings, gallery.embeddings, metric, reranking, block_rows
        )
    labels = query.labels, gallery.labels
    scores = score_ranking(table, *labels, max_rank=max_rank, block_rows=block_rows)
    if protocol == "standard":
        return scores
    generator = generator or np.random.default_rng(0)
    cmc = single_shot_cmc(
        table, *labels, generator, repeats=repeats, max_rank=max_rank, block_rows=block_rows
    )
    return dataclasses.replace(scores, cmc=cmc)
