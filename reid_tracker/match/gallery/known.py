"""Finds out by embeddings alone whether a gallery knows a person."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from reid_tracker.config import MatchConfig
from reid_tracker.match.gallery.records import Where
from reid_tracker.match.gallery.store import GalleryStore
from reid_tracker.match.tracklets.prototypes import prototype_distance, stack_prototypes
from reid_tracker.match.tracklets.table import Tracklet


@dataclass(frozen=True)
class Known:
    """A person whom the gallery knows.

    Attributes:
        identity: number of the person.
        cost: cosine distance of the embeddings, as between two tracklets of a run.
    """

    identity: int
    cost: float

    @property
    def score(self) -> float:
        """Similarity in [0, 1]."""
        return min(max(1 - self.cost, 0.0), 1.0)

    @property
    def reason(self) -> str:
        """One line for people."""
        return f"known to the gallery: appearance cost {self.cost:.3f}"


def who_is(
    store: GalleryStore,
    tracklets: Sequence[Tracklet],
    model: str,
    config: MatchConfig,
    excluded: Collection[int] = (),
) -> Known | None:
    """Find the person whom tracklets show among those in a gallery.

    It is the most similar person, if the cost is at most `loose` and at least `margin` below that
    of everybody else. There is no evidence from time and place here, and taking one person for two
    does less harm than taking two for one.

    Args:
        store: the gallery.
        tracklets: of one person, at least one.
        model: space of the embeddings, see `SightingRecord`.
        config: thresholds and the number of people to compare.
        excluded: people that it cannot be, such as those in view now.

    Returns:
        The person, or None if nobody is similar enough or two are.
    """
    prototypes = np.concatenate([tracklet.prototypes for tracklet in tracklets])
    weights = np.concatenate([tracklet.weights for tracklet in tracklets])
    mean = weights @ prototypes
    query = (mean / np.linalg.norm(mean)).astype(np.float32)
    where = Where(except_identities=frozenset(excluded))
    hits = store.nearest(query, model=model, k=config.shortlist, where=where, one_per_identity=True)
    if not hits:
        return None
    known = [hit.sighting.embeddings for hit in hits]
    vectors, equal = stack_prototypes(known, [np.ones(len(rows), np.float32) for rows in known])
    costs = prototype_distance(prototypes[None], weights[None], vectors, equal)[0]
    order = np.argsort(costs, kind="stable")
    best = float(costs[order[0]])
    rival = float(costs[order[1]]) if len(order) > 1 else np.inf
    limits = config.thresholds()
    if best > max(limits.loose, limits.tight) or rival - best < limits.margin:
        return None
    return Known(hits[int(order[0])].sighting.identity, best)
