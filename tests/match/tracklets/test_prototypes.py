"""Prototypes and their distances against the plain oracle."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reid_tracker.match.tracklets.prototypes import (
    PrototypeMemory,
    paired_prototype_distance,
    prototype_distance,
)
from tests.match.worlds import embeddings_of, memory, seeds, some
from tests.oracles.match_plain import (
    Prototypes,
    add_look,
    set_distance,
)


def held(made: PrototypeMemory, row: int) -> Prototypes:
    taken = made.weights[row] > 0
    return list(zip(made.vectors[row][taken], made.weights[row][taken].tolist(), strict=True))


@some
@given(seeds)
def test_prototypes_and_their_distances_agree_with_the_oracle(seed: int) -> None:
    rng = np.random.default_rng(seed)
    made = memory(4)
    plain: list[Prototypes] = [[] for _ in range(4)]
    for _ in range(12):
        rows = np.flatnonzero(rng.random(4) < 0.7)
        seen = embeddings_of(rng.integers(0, 4, len(rows)).tolist(), rng, 0.15)
        quality = rng.uniform(0.1, 1, len(rows)).astype(np.float32)
        made.add(rows, seen, quality)
        for known, look, weight in zip(rows, seen, quality.tolist(), strict=True):
            add_look(plain[known], look, weight, 3, 0.3)
    for row in range(4):
        total = sum((w * v for v, w in plain[row]), np.zeros(32))
        mean = total / max(float(np.linalg.norm(total)), 1e-9)
        np.testing.assert_allclose(made.means(np.array([row]))[0], mean, atol=1e-4)
        assert len(held(made, row)) == len(plain[row])
        for (vector, weight), (other, other_weight) in zip(
            held(made, row), plain[row], strict=True
        ):
            np.testing.assert_allclose(vector, other, atol=1e-4)
            assert weight == pytest.approx(other_weight, rel=1e-4)
    found = prototype_distance(made.vectors, made.weights, made.vectors[:3], made.weights[:3])
    expected = [[set_distance(a, b) for b in plain[:3]] for a in plain]
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_one_prototype_is_the_mean() -> None:
    made = memory(1, prototypes=1)
    seen = embeddings_of([0, 1, 1], np.random.default_rng(0))
    for look in seen:
        made.add(np.array([0]), look[None], np.ones(1, np.float32))
    mean = seen[0] + seen[1]
    mean = 2 * mean / np.linalg.norm(mean) + seen[2]  # a mean of unit length, of weight 2
    np.testing.assert_allclose(made.means(np.array([0]))[0], mean / np.linalg.norm(mean), atol=1e-5)
    made.clear(np.array([0]))
    assert not made.means(np.array([0])).any()


@some
@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.integers(1, 3))
def test_paired_distances_are_those_of_all_pairs(seed: int, size_a: int, size_b: int) -> None:
    rng = np.random.default_rng(seed)
    one, other = rng.normal(size=(4, size_a, 8)), rng.normal(size=(4, 5, size_b, 8))
    a, b = (
        (v / np.linalg.norm(v, axis=-1, keepdims=True)).astype(np.float32) for v in (one, other)
    )
    weights_a = rng.integers(0, 3, (4, size_a)).astype(np.float32)
    weights_b = rng.integers(0, 3, (4, 5, size_b)).astype(np.float32)
    found = paired_prototype_distance(a, weights_a, b, weights_b)
    for row in range(4):
        alone = slice(row, row + 1)
        expected = prototype_distance(a[alone], weights_a[alone], b[row], weights_b[row])
        assert found[row] == pytest.approx(expected[0], abs=1e-5)
