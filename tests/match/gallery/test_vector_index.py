"""The index: its candidates against all cosines, and what is removed."""

from __future__ import annotations

import numpy as np
import pytest

from reid_tracker.match.gallery.vector_index import VectorIndex, is_available, lists_for
from reid_tracker.types import Embeddings
from tests.match.gallery.samples import unit

pytest.importorskip("faiss", reason="needs faiss: pip install 'reid-tracker[index]'")

SIZE = 64


def looks(people: int, each: int, seed: int = 0) -> Embeddings:
    """Unit rows of people, `each` in a row, that share a mean, as those of an encoder do."""
    random = np.random.default_rng(seed)
    mean = 1.5 * np.abs(random.standard_normal(SIZE))
    centres = mean + random.standard_normal((people, 1, SIZE))
    return unit(centres + 0.4 * random.standard_normal((people, each, SIZE))).reshape(-1, SIZE)


@pytest.fixture(scope="module")
def rows() -> Embeddings:
    return looks(400, 10)


@pytest.fixture
def index(rows: Embeddings) -> VectorIndex:
    index = VectorIndex(rows[::4], len(rows))
    index.add(np.arange(1, len(rows) + 1), rows, len(rows))
    return index


def test_the_nearest_are_among_the_candidates(index: VectorIndex, rows: Embeddings) -> None:
    found = 0
    for query in rows[5::401]:
        nearest = np.argsort(-(rows @ query))[:10] + 1
        candidates = index.candidates(query, 100)
        assert len(candidates) <= 100
        assert (np.diff(candidates) > 0).all()
        found += len(np.intersect1d(nearest, candidates))
    assert found >= 0.97 * 10 * len(rows[5::401])


def test_what_is_removed_is_no_candidate(index: VectorIndex, rows: Embeddings) -> None:
    gone = np.arange(1, len(rows), 3)
    index.remove(gone)
    assert index._index.ntotal == len(rows) - len(gone)
    everything = index.candidates(rows[0], len(rows), effort=100)
    assert everything.tolist() == sorted({*range(1, len(rows) + 1)} - {*gone.tolist()})
    index.remove(gone)
    index.remove(np.array([len(rows) + 1]))
    assert index._index.ntotal == len(rows) - len(gone)


def test_several_vectors_of_a_sighting_are_one_candidate(rows: Embeddings) -> None:
    index = VectorIndex(rows[:500], 500)
    index.add(np.repeat(np.arange(100, 200), 5), rows[:500], 199)
    assert index.covered == 199
    assert index.candidates(rows[0], 500, effort=100).tolist() == list(range(100, 200))
    index.remove(np.array([150]))
    assert 150 not in index.candidates(rows[250], 500, effort=100)
    assert index._index.ntotal == 495


def test_an_empty_index_has_no_candidates(rows: Embeddings) -> None:
    assert VectorIndex(rows[:100], 100).candidates(rows[0], 10).tolist() == []


@pytest.mark.parametrize(
    ("rows", "lists"), [(1, 16), (65_536, 128), (1_000_000, 512), (10_000_000, 1024)]
)
def test_lists_grow_with_the_root_of_the_vectors(rows: int, lists: int) -> None:
    assert lists_for(rows) == lists


def test_it_is_there() -> None:
    assert is_available()
