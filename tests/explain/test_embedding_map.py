"""The map of embeddings: deterministic, neighbours kept, whole people chosen."""

from __future__ import annotations

import sys

import numpy as np
import numpy.typing as npt
import pytest

from reid_tracker.errors import InputError, MissingDependencyError
from reid_tracker.explain import embedding_map, map_sheet
from reid_tracker.explain.embedding_map import choose_people

PEOPLE, EACH = 6, 8


def embeddings() -> npt.NDArray[np.float32]:
    """Unit rows of well separated people."""
    generator = np.random.default_rng(0)
    rows = generator.random((PEOPLE, 16)).repeat(EACH, axis=0)
    rows = np.maximum(rows + generator.normal(0, 0.02, rows.shape), 0)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


@pytest.mark.slow
def test_neighbours_stay_neighbours_in_every_run() -> None:
    rows = embeddings()
    positions = embedding_map(rows)
    assert positions.shape == (PEOPLE * EACH, 2)
    np.testing.assert_array_equal(positions, embedding_map(rows))
    person = np.repeat(np.arange(PEOPLE), EACH)
    distances = np.linalg.norm(positions[:, None] - positions[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    assert (person[distances.argmin(axis=1)] == person).all()


def test_few_embeddings() -> None:
    assert embedding_map(embeddings()[:4]).shape == (4, 2)
    with pytest.raises(InputError, match="map of 3 embeddings"):
        embedding_map(embeddings()[:3])


def test_scikit_learn_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.manifold", None)
    with pytest.raises(MissingDependencyError, match=r"reid-tracker\[explain\]"):
        embedding_map(embeddings())


def test_whole_people_are_chosen() -> None:
    identities = np.repeat([-1, 0, 1, 2, 3, 4, 5], [3, 9, 10, 10, 10, 10, 10])
    rows = choose_people(identities, most=35)
    assert (np.diff(rows) > 0).all()
    people, counts = np.unique(identities[rows], return_counts=True)
    assert people.tolist() == [1, 3, 5]
    assert counts.tolist() == [10, 10, 10]
    assert len(choose_people(identities, most=1000)) == 50
    assert np.unique(identities[choose_people(identities, most=2)]).tolist() == [3]
    assert len(choose_people(np.array([-1, 0]))) == 0


@pytest.mark.parametrize("people", [3, 20, 60])
@pytest.mark.parametrize("cameras", [1, 12])
@pytest.mark.slow
def test_sheet_with_few_and_many(people: int, cameras: int) -> None:
    generator = np.random.default_rng(0)
    positions = generator.normal(size=(people * 2, 2)).astype(np.float32)
    identities = np.repeat(np.arange(1, people + 1), 2)
    pixels = map_sheet(positions, identities, generator.integers(0, cameras, 2 * people)).pixels()
    assert pixels.shape[1] <= 2000
    # Every mark and line lies inside the frame: beside it there is at most a legend.
    assert (pixels[:, :20] == 255).all()


def test_lengths_differ() -> None:
    with pytest.raises(InputError, match="3 positions, 2 identities and 3 cameras"):
        map_sheet(np.zeros((3, 2), np.float32), np.array([1, 2]), np.array([1, 2, 3]))
