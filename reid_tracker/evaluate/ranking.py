"""CMC, mAP and mINP of ranked galleries, with the camera rule of Market-1501.

Gallery entries with both the identity and the camera of a query are ignored for that query. Only
the ranks of entries with the query's identity are computed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reid_tracker.arrays import Float32Array, FloatArray, IntArray
from reid_tracker.errors import InputError
from reid_tracker.evaluate.distance import DistanceTable, row_blocks
from reid_tracker.evaluate.labels import JUNK, Labels, check_queries
from reid_tracker.evaluate.order import EqualLabels, positions

MAX_RANK = 50
REPORTED_RANKS = (1, 5, 10, 20)


@dataclass(frozen=True, eq=False)
class ReidScores:
    """Retrieval scores. All are in [0, 1], or NaN if nothing was scored.

    Attributes:
        cmc: (K,) cumulative match characteristic: cmc[k - 1] is the fraction of scored queries
            with a true match among the first k.
        mean_ap: mean average precision.
        mean_inp: mean inverse negative penalty (Ye et al., arXiv 2001.04193): number of true
            matches divided by the rank of the last one.
        queries: number of queries, without junk.
        skipped: number of queries that have no true match in the gallery and do not count.
        gallery: number of gallery entries, without junk.
        average_precisions: (queries,) NaN where skipped.
        inverse_negative_penalties: (queries,) NaN where skipped.
        first_ranks: (queries,) rank of the first true match, from 1; 0 where skipped.
    """

    cmc: FloatArray
    mean_ap: float
    mean_inp: float
    queries: int
    skipped: int
    gallery: int
    average_precisions: FloatArray
    inverse_negative_penalties: FloatArray
    first_ranks: IntArray

    def rank(self, k: int) -> float:
        """Return the fraction of scored queries with a true match among the first `k` <= K."""
        return float(self.cmc[k - 1])

    def as_dict(self) -> dict[str, float | int | None]:
        """Return the summary as plain numbers for JSON; NaN becomes None."""
        parts = {f"rank-{k}": self.rank(k) for k in REPORTED_RANKS if k <= len(self.cmc)}
        parts |= {"mAP": self.mean_ap, "mINP": self.mean_inp}
        scores = {name: None if np.isnan(part) else part for name, part in parts.items()}
        return {
            **scores,
            "queries": self.queries,
            "gallery": self.gallery,
            "skipped_queries": self.skipped,
        }


def score_ranking(
    distances: DistanceTable,
    query: Labels,
    gallery: Labels,
    *,
    max_rank: int = MAX_RANK,
    block_rows: int | None = None,
) -> ReidScores:
    """Score queries by the ranks of their true matches; ties rank in gallery order.

    Args:
        distances: (Q, G) table, smaller is more similar; compared as float32.
        query: Q labels. Junk is dropped; distractors are an error.
        gallery: G labels. Junk is dropped; distractors never match.
        max_rank: length of the CMC curve.
        block_rows: queries scored at a time; by default chosen to limit memory.

    Returns:
        The scores; queries without a true match are counted as skipped.

    Raises:
        InputError: shapes disagree, a query has identity 0, or a distance is not a number.
    """
    check_table(distances, query, gallery)
    kept = gallery.identities != JUNK
    gallery = gallery[kept]
    same_identity = EqualLabels(gallery.identities)
    counts = np.zeros(len(query), np.int64)
    first = np.zeros(len(query), np.int64)
    precisions, penalties = np.full((2, len(query)), np.nan)
    for block in row_blocks((distances.shape[0], distances.shape[1]), block_rows):
        table = distances[block] if kept.all() else distances[block][:, kept]
        rows, ranks, found = _true_ranks(table, query[block], gallery, same_identity)
        counts[block] = found
        matched = np.flatnonzero(found) + block.start
        found = found[found > 0]
        ends = np.cumsum(found)
        so_far = np.arange(1, len(rows) + 1) - np.repeat(ends - found, found)
        first[matched] = ranks[ends - found]
        precisions[matched] = np.add.reduceat(so_far / ranks, ends - found) / found
        penalties[matched] = found / ranks[ends - 1]
    good = query.identities != JUNK
    scored = good & (counts > 0)
    return ReidScores(
        cmc=cmc_curve(first[scored], max_rank),
        mean_ap=_mean(precisions[scored]),
        mean_inp=_mean(penalties[scored]),
        queries=int(good.sum()),
        skipped=int((good & ~scored).sum()),
        gallery=len(gallery),
        average_precisions=precisions[good],
        inverse_negative_penalties=penalties[good],
        first_ranks=first[good],
    )


def check_table(distances: DistanceTable, query: Labels, gallery: Labels) -> None:
    """Check that the labels fit the table and that no query is a distractor.

    Raises:
        InputError: the shape differs, or a query has identity 0.
    """
    if tuple(distances.shape) != (len(query), len(gallery)):
        raise InputError(
            f"distances have shape {tuple(distances.shape)}, expected ({len(query)}, "
            f"{len(gallery)}): one row per query, one column per gallery entry"
        )
    check_queries(query)


def cmc_curve(first_ranks: IntArray, max_rank: int) -> FloatArray:
    """Return (max_rank,) fractions of `first_ranks` of at most 1, 2, ...; NaN if empty."""
    if len(first_ranks) == 0:
        return np.full(max_rank, np.nan)
    histogram = np.bincount(np.minimum(first_ranks, max_rank + 1), minlength=max_rank + 2)
    curve: FloatArray = np.cumsum(histogram[1 : max_rank + 1]) / len(first_ranks)
    return curve


def _true_ranks(
    distances: Float32Array, query: Labels, gallery: Labels, same_identity: EqualLabels
) -> tuple[IntArray, IntArray, IntArray]:
    """Return, per true match, its query, ascending, and its rank; and the matches per query."""
    rows, columns = same_identity.pairs(query.identities)
    standing = positions(distances, rows, columns)
    order = np.lexsort((standing, rows))
    rows, columns, standing = rows[order], columns[order], standing[order]
    same_camera = query.cameras[rows] == gallery.cameras[columns]
    # Ignored entries before an entry do not count in its rank.
    left_out = np.cumsum(same_camera)
    starts = np.searchsorted(rows, np.arange(len(query)))
    before_row = np.concatenate([[0], left_out])[starts]
    ranks = standing + 1 - (left_out - before_row[rows])
    true = ~same_camera
    return rows[true], ranks[true], np.bincount(rows[true], minlength=len(query))


def _mean(values: FloatArray) -> float:
    return float(values.mean()) if len(values) else float("nan")
