"""Who of a gallery's people somebody is, by looks alone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reid_tracker.config import MatchConfig, Thresholds
from reid_tracker.match.gallery.records import Hit, Where
from reid_tracker.match.gallery.store import GalleryStore
from reid_tracker.match.tracklets.prototypes import prototype_distance
from reid_tracker.match.tracklets.table import Tracklet
from reid_tracker.types import Embeddings


@dataclass(frozen=True)
class Known:
    """Somebody whom the gallery knows.

    Attributes:
        identity: their number.
        cost: cosine distance of the looks, as between two tracklets of a run.
    """

    identity: int
    cost: float


def who_is(
    store: GalleryStore,
    tracklets: Sequence[Tracklet],
    model: str,
    config: MatchConfig,
    excluded: Collection[int] = (),
) -> Known | None:
    """Find the person whom tracklets show among those in a gallery.

    It is the one most alike, if they cost at most `loose` and beat everybody else by `margin`: no
    clock and no camera says more here, and two who look alike are better left two than called one.

    Args:
        store: the gallery.
        tracklets: of one person, at least one.
        model: hash of the weights that made the looks.
        config: thresholds, and how many people are compared.
        excluded: numbers of people that it cannot be, such as those in view now.

    Returns:
        The person, or None where nobody is alike enough or it is not clear who.
    """
    looks = np.concatenate([tracklet.prototypes for tracklet in tracklets])
    weights = np.concatenate([tracklet.weights for tracklet in tracklets])
    mean = weights @ looks
    query = (mean / np.linalg.norm(mean)).astype(np.float32)
    where = Where(except_identities=frozenset(excluded))
    hits = store.nearest(query, model=model, k=config.shortlist, where=where, one_per_identity=True)
    if not hits:
        return None
    vectors, taken = _padded([hit.sighting.embeddings for hit in hits])
    costs = prototype_distance(looks[None], weights[None], vectors, taken)[0].astype(np.float64)
    return _clear_winner(hits, costs, config.thresholds())


def _clear_winner(
    hits: Sequence[Hit], costs: npt.NDArray[np.float64], limits: Thresholds
) -> Known | None:
    order = np.argsort(costs, kind="stable")
    best = float(costs[order[0]])
    rival = float(costs[order[1]]) if len(order) > 1 else np.inf
    if best > max(limits.loose, limits.tight) or rival - best < limits.margin:
        return None
    return Known(hits[int(order[0])].sighting.identity, best)


def _padded(looks: Sequence[Embeddings]) -> tuple[Embeddings, npt.NDArray[np.float32]]:
    """Stack (P_i, D) looks as (B, P, D) vectors and (B, P) weights, 0 where there is none."""
    most = max(len(rows) for rows in looks)
    vectors = np.zeros((len(looks), most, looks[0].shape[1]), np.float32)
    weights = np.zeros((len(looks), most), np.float32)
    for row, one in enumerate(looks):
        vectors[row, : len(one)] = one
        weights[row, : len(one)] = 1
    return vectors, weights
