"""CMC, mAP and mINP of ranked galleries, with the camera rule of Market-1501.

Gallery entries with the query's identity *and* its camera are left out for that query. Nothing is
sorted but distances: only the ranks of entries with the query's identity are looked up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reid_tracker.errors import InputError
from reid_tracker.evaluate.distance import DistanceTable, row_blocks
from reid_tracker.evaluate.labels import JUNK, FloatArray, IntArray, Labels, check_queries
from reid_tracker.evaluate.order import positions
from reid_tracker.evaluate.ragged import EqualLabels
from reid_tracker.evaluate.reid_scores import FloatColumn, ReidScores

MAX_RANK = 50


def score_ranking(
    distances: DistanceTable,
    query: Labels,
    gallery: Labels,
    *,
    max_rank: int = MAX_RANK,
    block_rows: int | None = None,
) -> ReidScores:
    """Score queries by the ranks of their true matches.

    Equal distances rank in the order of the gallery.

    Args:
        distances: (Q, G) table, smaller is more alike; compared as float32.
        query: Q labels. Junk is dropped; distractors are refused.
        gallery: G labels. Junk is dropped; distractors are never right.
        max_rank: length of the CMC curve.
        block_rows: queries scored at a time; by default chosen to bound memory.

    Returns:
        The scores, queries without a true match left out and counted.

    Raises:
        InputError: shapes disagree, a query has identity 0, or a distance is not a number.
    """
    check_shape(distances, query, gallery)
    check_queries(query)
    kept = gallery.identities != JUNK
    gallery = gallery[kept]
    same_identity = EqualLabels(gallery.identities)
    counts = np.zeros(len(query), np.int64)
    first = np.zeros(len(query), np.int64)
    precisions, penalties = np.full((2, len(query)), np.nan)
    for block in row_blocks((distances.shape[0], distances.shape[1]), block_rows):
        table = distances[block] if kept.all() else distances[block][:, kept]
        ranks = _true_ranks(table, query[block], gallery, same_identity)
        counts[block], first[block] = ranks.counts, ranks.first()
        precisions[block], penalties[block] = ranks.average_precisions(), ranks.inverse_penalties()
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


def check_shape(distances: DistanceTable, query: Labels, gallery: Labels) -> None:
    """Refuse labels that do not fit the table.

    Raises:
        InputError: they do not.
    """
    if tuple(distances.shape) != (len(query), len(gallery)):
        raise InputError(
            f"distances have shape {tuple(distances.shape)}, expected ({len(query)}, "
            f"{len(gallery)}): one row a query, one column a gallery entry"
        )


def cmc_curve(first_ranks: IntArray, max_rank: int) -> FloatColumn:
    """Return (max_rank,) parts of `first_ranks` that are at most 1, 2, ...; NaN if none."""
    if len(first_ranks) == 0:
        return np.full(max_rank, np.nan)
    histogram = np.bincount(np.minimum(first_ranks, max_rank + 1), minlength=max_rank + 2)
    curve: FloatColumn = np.cumsum(histogram[1 : max_rank + 1]) / len(first_ranks)
    return curve


@dataclass(frozen=True, eq=False)
class _TrueRanks:
    """Ranks of the true matches of C queries.

    Attributes:
        rows: (M,) query of each true match, ascending.
        ranks: (M,) its rank from 1, ascending within a query.
        counts: (C,) true matches of each query.
    """

    rows: IntArray
    ranks: IntArray
    counts: IntArray

    def first(self) -> IntArray:
        """(C,) rank of the first true match; 0 without one."""
        ranks = np.zeros(len(self.counts), np.int64)
        ranks[self.counts > 0] = self.ranks[self._starts()]
        return ranks

    def average_precisions(self) -> FloatColumn:
        """(C,) mean over true matches of (true matches so far / rank); NaN without one."""
        starts = np.cumsum(self.counts) - self.counts
        so_far = np.arange(1, len(self.rows) + 1) - starts[self.rows]
        sums = np.bincount(self.rows, so_far / self.ranks, minlength=len(self.counts))
        return self._divide(sums, self.counts)

    def inverse_penalties(self) -> FloatColumn:
        """(C,) number of true matches / rank of the last; NaN without one."""
        last = np.zeros(len(self.counts), np.int64)
        last[self.counts > 0] = self.ranks[np.cumsum(self.counts)[self.counts > 0] - 1]
        return self._divide(self.counts, last)

    def _starts(self) -> IntArray:
        starts: IntArray = (np.cumsum(self.counts) - self.counts)[self.counts > 0]
        return starts

    def _divide(self, upper: FloatColumn | IntArray, lower: IntArray) -> FloatColumn:
        parts: FloatColumn = np.full(len(self.counts), np.nan)
        np.divide(upper, lower, out=parts, where=self.counts > 0)
        return parts


def _true_ranks(
    distances: FloatArray, query: Labels, gallery: Labels, same_identity: EqualLabels
) -> _TrueRanks:
    rows, columns = same_identity.pairs(query.identities)
    standing = positions(distances, rows, columns)
    order = np.lexsort((standing, rows))
    rows, columns, standing = rows[order], columns[order], standing[order]
    same_camera = query.cameras[rows] == gallery.cameras[columns]
    # What is left out before an entry does not count in its rank.
    left_out = np.cumsum(same_camera)
    starts = np.searchsorted(rows, np.arange(len(query)))
    before_row = np.concatenate([[0], left_out])[starts]
    ranks = standing + 1 - (left_out - before_row[rows])
    true = ~same_camera
    counts = np.bincount(rows[true], minlength=len(query))
    return _TrueRanks(rows[true], ranks[true], counts)


def _mean(values: FloatColumn) -> float:
    return float(values.mean()) if len(values) else float("nan")
