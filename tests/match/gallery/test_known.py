"""Whom a gallery recognises: the most similar person, if it is clear who that is."""

from __future__ import annotations

import numpy as np
import pytest

from reid_tracker.config import MatchConfig
from reid_tracker.match.gallery.known import Known, who_is
from reid_tracker.match.gallery.store import GalleryStore
from reid_tracker.match.tracklets.table import Tracklet
from reid_tracker.types import Embeddings
from tests.match.gallery.samples import MODEL, person, sighting, unit, views

CONFIG = MatchConfig(tight=0.1, loose=0.2, margin=0.1)


def tracklet(prototypes: Embeddings) -> Tracklet:
    weights = np.ones(len(prototypes), np.float32)
    return Tracklet(0, 1, 1, (0.0, 5.0), 5, 0.9, prototypes, weights)


def known_as(store: GalleryStore, embeddings: Embeddings, *excluded: int) -> int:
    found = who_is(store, [tracklet(embeddings)], MODEL, CONFIG, excluded)
    return 0 if found is None else found.identity


def test_the_most_similar_person_is_recognised(store: GalleryStore) -> None:
    assert known_as(store, person(1)[None]) == 0  # nobody is there yet
    store.write([sighting(f"s{k}", k, embeddings=views(person(k), k)) for k in (1, 2, 3)])
    assert known_as(store, views(person(2), 4, seed=9)) == 2
    assert known_as(store, views(person(7), 2)) == 0
    assert known_as(store, views(person(2), 4, seed=9), 2) == 0


def test_of_two_similar_people_nobody_is_recognised(store: GalleryStore) -> None:
    between = unit((person(1) + person(2))[None])
    store.write([sighting("a", 1, embeddings=unit(between + 0.2 * person(1)))])
    assert known_as(store, between) == 1
    store.write([sighting("b", 2, embeddings=unit(between + 0.2 * person(2)))])
    assert known_as(store, between) == 0
    assert known_as(store, between, 2) == 1


def test_a_person_is_compared_view_by_view(store: GalleryStore) -> None:
    """Front and back together are near the person who has both, and far from their mean."""
    front, back = person(1), person(2)
    store.write([sighting("both", 1, embeddings=np.stack([front, back]))])
    store.write([sighting("mean", 2, embeddings=unit((front + back)[None]))])
    assert known_as(store, np.stack([front, back])) == 1


@pytest.mark.parametrize(("cost", "score"), [(0.125, 0.875), (1.5, 0.0), (-1e-7, 1.0)])
def test_the_score_is_a_similarity(cost: float, score: float) -> None:
    known = Known(7, cost)
    assert known.score == score
    assert known.reason == f"known to the gallery: appearance cost {cost:.3f}"
