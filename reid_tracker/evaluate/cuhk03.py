"""The classic CUHK03 protocol: single-gallery-shot CMC, averaged over random galleries.

Each gallery holds one random image of each person, and the draw is repeated. Average precision is
not part of the protocol: mAP and mINP use all images (see `ranking`).
"""

from __future__ import annotations

import numpy as np

from reid_tracker.arrays import FloatArray, IntArray
from reid_tracker.evaluate.distance import DistanceTable, row_blocks
from reid_tracker.evaluate.labels import DISTRACTOR, JUNK, Labels
from reid_tracker.evaluate.order import EqualLabels, order_keys
from reid_tracker.evaluate.ranking import MAX_RANK, check_table, cmc_curve

REPEATS = 10


def single_shot_cmc(
    distances: DistanceTable,
    query: Labels,
    gallery: Labels,
    generator: np.random.Generator,
    *,
    repeats: int = REPEATS,
    max_rank: int = MAX_RANK,
    block_rows: int | None = None,
) -> FloatArray:
    """Return the mean CMC curve over random galleries with one image of each person.

    Each repeat draws one gallery for all queries. If the camera rule excludes the image drawn for
    the query's own person, the next allowed image in the draw replaces it. All distractors stay.

    Args:
        distances: (Q, G) table, smaller is more similar; ties rank in gallery order.
        query: Q labels; junk is dropped.
        gallery: G labels; junk is dropped.
        generator: draws the galleries.
        repeats: number of random galleries.
        max_rank: length of the curve.
        block_rows: queries scored at a time; by default chosen to limit memory.

    Returns:
        (max_rank,) mean over repeats and queries with a true match; NaN if there are none.

    Raises:
        InputError: shapes disagree, a query has identity 0, or a distance is not a number.
    """
    check_table(distances, query, gallery)
    kept = gallery.identities != JUNK
    gallery = gallery[kept]
    same_identity = EqualLabels(gallery.identities)
    draws = [generator.permutation(len(gallery)) for _ in range(repeats)]
    ranks: list[IntArray] = []
    for block in row_blocks((distances.shape[0], distances.shape[1]), block_rows):
        keys = order_keys(distances[block][:, kept])
        ranks += [_own_ranks(keys, query[block], gallery, same_identity, draw) for draw in draws]
    return cmc_curve(np.concatenate([np.empty(0, np.int64), *ranks]), max_rank)


def _own_ranks(
    keys: IntArray, query: Labels, gallery: Labels, same_identity: EqualLabels, draw: IntArray
) -> IntArray:
    """Return the ranks of the true matches in one random gallery, for queries that have one.

    `keys` are the (C, G) sort keys; the first entry of a person in the (G,) `draw` is used.
    """
    rows, columns = same_identity.pairs(query.identities)
    allowed = query.cameras[rows] != gallery.cameras[columns]
    rows, columns = rows[allowed], columns[allowed]
    turn = np.empty(len(draw), np.int64)
    turn[draw] = np.arange(len(draw))
    order = np.lexsort((turn[columns], rows))
    scored, first = np.unique(rows[order], return_index=True)
    own = columns[order][first]
    shown = _one_of_each(gallery.identities, draw)
    others = query.identities[scored, None] != gallery.identities[shown]
    before = keys[np.ix_(scored, shown)] < keys[scored, own][:, None]
    ranks: IntArray = 1 + (before & others).sum(axis=1)
    return ranks


def _one_of_each(identities: IntArray, draw: IntArray) -> IntArray:
    """Return the drawn entry of each person and all distractors."""
    people = draw[identities[draw] != DISTRACTOR]
    _, first = np.unique(identities[people], return_index=True)
    return np.concatenate([people[first], np.nonzero(identities == DISTRACTOR)[0]])
