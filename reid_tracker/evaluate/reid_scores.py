"""The result of a re-identification evaluation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

REPORTED_RANKS = (1, 5, 10, 20)

FloatColumn = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ReidScores:
    """How well queries find their matches. All scores are parts of 1, NaN if nothing was scored.

    Attributes:
        cmc: (K,) cumulative match characteristic: cmc[k - 1] is the part of scored queries with a
            true match among the first k.
        mean_ap: mean average precision.
        mean_inp: mean inverse negative penalty (Ye et al., arXiv 2001.04193): true matches divided
            by the rank of the last of them.
        queries: number of queries without junk.
        skipped: queries among them that have no true match in the gallery, and do not count.
        gallery: number of gallery entries without junk.
        average_precisions: (queries,) of each query, NaN where skipped.
        inverse_negative_penalties: likewise.
        first_ranks: (queries,) rank of the first true match among all gallery entries, from 1; 0
            where skipped.
    """

    cmc: FloatColumn
    mean_ap: float
    mean_inp: float
    queries: int
    skipped: int
    gallery: int
    average_precisions: FloatColumn
    inverse_negative_penalties: FloatColumn
    first_ranks: npt.NDArray[np.int64]

    def rank(self, k: int) -> float:
        """Return the part of scored queries with a true match among the first `k` (at most K)."""
        return float(self.cmc[k - 1])

    def as_dict(self) -> dict[str, float | int | None]:
        """Return the summary as plain numbers, ready for JSON: NaN becomes None."""
        parts = {f"rank-{k}": self.rank(k) for k in REPORTED_RANKS if k <= len(self.cmc)}
        parts |= {"mAP": self.mean_ap, "mINP": self.mean_inp}
        scores = {name: None if np.isnan(part) else part for name, part in parts.items()}
        return {
            **scores,
            "queries": self.queries,
            "gallery": self.gallery,
            "skipped_queries": self.skipped,
        }
