"""k-reciprocal re-ranking against the definition, written out as loops over sets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reid_tracker.errors import ConfigError
from reid_tracker.evaluate import Metric, RerankedDistances, Reranking, pairwise_distances
from reid_tracker.evaluate import rerank as module
from tests.evaluate.samples import clusters, seeds
from tests.examples import examples
from tests.oracles.reid_rerank import rerank

Setting = tuple[int, int, float]
setting_values = st.tuples(
    st.integers(1, 9), st.integers(1, 12), st.sampled_from([0.0, 0.3, 0.5, 1.0])
)


def plain(pool: np.ndarray, queries: int, metric: Metric, setting: Setting) -> np.ndarray:
    table = pairwise_distances(pool, pool, metric).astype(np.float64)
    return np.array(rerank(table.tolist(), queries, *setting)).reshape(queries, -1)


@settings(max_examples=examples(100), deadline=None)
@given(seeds, st.integers(1, 5), st.integers(1, 18), setting_values)
def test_agrees_with_the_definition_with_ties(
    seed: int, queries: int, entries: int, setting: Setting
) -> None:
    """Small whole numbers: squared distances are exact, and many are equal."""
    generator = np.random.default_rng(seed)
    pool = generator.integers(0, 4, (queries + entries, 2)).astype(np.float32)
    found = RerankedDistances(pool[:queries], pool[queries:], "euclidean", Reranking(*setting))
    expected = plain(pool, queries, "sqeuclidean", setting)
    np.testing.assert_allclose(found[:], expected, atol=2e-6)


@settings(max_examples=examples(30), deadline=None)
@given(seeds, st.integers(1, 6), setting_values)
def test_agrees_with_the_definition_on_people(seed: int, queries: int, setting: Setting) -> None:
    pool, _ = clusters(np.random.default_rng(seed), people=5, pictures=6)
    order = np.random.default_rng(seed).permutation(len(pool))
    pool = pool[order]
    found = RerankedDistances(pool[:queries], pool[queries:], "cosine", Reranking(*setting))
    expected = plain(pool, queries, "cosine", setting)
    np.testing.assert_allclose(found[:], expected, atol=5e-6)


def test_paper_settings_agree_with_the_definition() -> None:
    pool, _ = clusters(np.random.default_rng(4), people=8, pictures=12)
    pool = pool[np.random.default_rng(4).permutation(len(pool))]
    found = RerankedDistances(pool[:10], pool[10:])[:]
    np.testing.assert_allclose(found, plain(pool, 10, "cosine", (20, 6, 0.3)), atol=5e-6)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    pool, _ = clusters(np.random.default_rng(2), people=6, pictures=8)
    whole = RerankedDistances(pool[:9], pool[9:])[:]
    monkeypatch.setattr(module, "_PAIRS_AT_ONCE", 50)
    monkeypatch.setattr(module, "_GATHERED_NUMBERS", 50)
    table = RerankedDistances(pool[:9], pool[9:], block_rows=5)
    np.testing.assert_allclose(np.concatenate([table[:2], table[2:7], table[7:]]), whole, atol=1e-6)


def test_closed_form_of_two_separate_pairs() -> None:
    """Neighbours form two closed pairs: distance 0 within a pair but for lambda, 1 across."""
    pool = np.array([[0.0], [100.0], [1.0], [101.0]], np.float32)
    found = RerankedDistances(pool[:2], pool[2:], "euclidean", Reranking(k1=1, k2=2, weight=0))[:]
    np.testing.assert_allclose(found, [[0, 1], [1, 0]], atol=1e-6)


def test_weight_one_is_the_original_order() -> None:
    pool, _ = clusters(np.random.default_rng(0), people=5, pictures=6)
    found = RerankedDistances(pool[:5], pool[5:], settings=Reranking(weight=1))[:]
    original = pairwise_distances(pool[:5], pool[5:])
    np.testing.assert_array_equal(np.argsort(found, axis=1), np.argsort(original, axis=1))


@pytest.mark.parametrize(("queries", "entries"), [(0, 0), (0, 4), (4, 0), (1, 1)])
def test_small_and_empty(queries: int, entries: int) -> None:
    table = RerankedDistances(
        np.eye(queries, 4, dtype=np.float32), np.eye(entries, 4, dtype=np.float32)
    )
    assert table.shape == table[:].shape == (queries, entries)
    assert np.isfinite(table[:]).all()


def test_equal_images_are_at_distance_zero() -> None:
    same = np.ones((30, 8), np.float32)
    found = RerankedDistances(same[:3], same[3:], "sqeuclidean", Reranking(k1=40))[:]
    np.testing.assert_allclose(found, 0, atol=1e-6)


@pytest.mark.parametrize("values", [(0, 6, 0.3), (20, 0, 0.3), (20, 6, -0.1), (20, 6, 1.1)])
def test_settings_out_of_range(values: Setting) -> None:
    with pytest.raises(ConfigError, match="expected k1 >= 1, k2 >= 1"):
        Reranking(*values)
