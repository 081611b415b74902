"""Distances against plain sums, and the blocks they come in."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reid_tracker.errors import ConfigError, InputError
from reid_tracker.evaluate import EmbeddingDistances, Metric, pairwise_distances
from reid_tracker.evaluate.distance import METRICS, row_blocks
from tests.evaluate.samples import seeds
from tests.oracles.reid_metrics import distance


@pytest.mark.parametrize("metric", METRICS)
@given(seeds, st.integers(0, 6), st.integers(0, 6), st.integers(1, 5))
def test_agrees_with_plain_sums(
    metric: Metric, seed: int, queries: int, entries: int, size: int
) -> None:
    generator = np.random.default_rng(seed)
    a = generator.integers(-3, 4, (queries, size)).astype(np.float32)
    b = generator.integers(-3, 4, (entries, size)).astype(np.float32)
    plain = [[distance(x, y, metric) for y in b.tolist()] for x in a.tolist()]
    found = pairwise_distances(a, b, metric)
    assert found.dtype == np.float32
    assert found.shape == (queries, entries)
    np.testing.assert_allclose(found, np.reshape(plain, found.shape), atol=1e-6)
    table = EmbeddingDistances(a, b, metric)
    rows, columns = map(np.ravel, np.indices(table.shape))
    np.testing.assert_allclose(table.pairs(rows, columns), found.ravel(), atol=1e-6)


def test_closed_form() -> None:
    a = np.array([[3, 0]], np.float32)
    b = np.array([[0, 4], [1, 0], [-1, 0], [0, 0]], np.float32)
    assert pairwise_distances(a, b, "cosine").tolist() == [[1, 0, 2, 1]]
    assert pairwise_distances(a, b, "euclidean").tolist() == [[5, 2, 4, 3]]
    assert pairwise_distances(a, b, "sqeuclidean").tolist() == [[25, 4, 16, 9]]


def test_never_negative() -> None:
    rows = np.random.default_rng(0).normal(size=(300, 64)).astype(np.float32)
    for metric in METRICS:
        assert pairwise_distances(rows, rows, metric).min() >= 0


@given(st.integers(0, 20), st.integers(1, 7))
def test_blocks_cover_all_rows_once(rows: int, size: int) -> None:
    covered = [row for block in row_blocks((rows, 3), size) for row in range(rows)[block]]
    assert covered == list(range(rows))


def test_blocks_are_bounded_by_memory() -> None:
    block = next(row_blocks((10**6, 10**6)))
    assert 1 <= block.stop <= 100


def test_errors() -> None:
    rows = np.ones((2, 3), np.float32)
    with pytest.raises(ConfigError, match="manhattan"):
        pairwise_distances(rows, rows, "manhattan")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="size 3 but gallery embeddings 2"):
        pairwise_distances(rows, rows[:, :2])
    with pytest.raises(InputError, match="gallery row 0"):
        pairwise_distances(rows, rows * np.float32(np.inf))
