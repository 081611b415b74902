"""The single-gallery-shot protocol: by hand, against plain loops, and its use of chance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reid_tracker.evaluate import JUNK, Labels, single_shot_cmc
from tests.evaluate.samples import Problem, people, problems, seeds
from tests.examples import examples
from tests.oracles import reid_metrics as plain

K = 8


@settings(max_examples=examples(200))
@given(problems(), seeds, st.integers(1, 9))
def test_agrees_with_plain_loops(problem: Problem, seed: int, block_rows: int) -> None:
    good = np.nonzero(problem.gallery.identities != JUNK)[0]
    generator = np.random.default_rng(seed)
    draws = [good[generator.permutation(len(good))].tolist() for _ in range(3)]
    expected = plain.single_shot_cmc(
        problem.distances.tolist(), people(problem.query), people(problem.gallery), draws, K
    )
    found = single_shot_cmc(
        problem.distances,
        problem.query,
        problem.gallery,
        np.random.default_rng(seed),
        repeats=3,
        max_rank=K,
        block_rows=block_rows,
    )
    np.testing.assert_allclose(found, expected)


def test_chance_of_the_good_picture() -> None:
    """Of the query's person one picture is nearest and one farthest: either is drawn."""
    query = Labels(np.array([1]), np.array([1]))
    gallery = Labels(np.array([1, 1, 2, 3, 3]), np.full(5, 2))
    distances = np.array([[0.1, 0.9, 0.5, 0.6, 0.7]], np.float32)
    generator = np.random.default_rng(0)
    cmc = single_shot_cmc(distances, query, gallery, generator, repeats=2000, max_rank=3)
    assert cmc[0] == pytest.approx(0.5, abs=0.05)
    assert cmc[1] == cmc[0]  # persons 2 and 3 both lie between
    assert cmc[2] == 1


def test_one_picture_each_needs_no_chance() -> None:
    query = Labels(np.array([1, 2]), np.array([1, 1]))
    gallery = Labels(np.array([1, 2]), np.array([2, 2]))
    distances = np.array([[0.1, 0.9], [0.1, 0.9]], np.float32)
    cmc = single_shot_cmc(distances, query, gallery, np.random.default_rng(0), max_rank=2)
    assert cmc.tolist() == [0.5, 1]


def test_same_generator_same_curve() -> None:
    random = np.random.default_rng(1)
    distances = random.random((30, 60), dtype=np.float32)
    query = Labels(np.arange(1, 31), np.zeros(30, np.int64))
    gallery = Labels(np.repeat(np.arange(1, 31), 2), np.ones(60, np.int64))
    a, b = (single_shot_cmc(distances, query, gallery, np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(a, b)


def test_empty() -> None:
    none = Labels(np.empty(0, np.int64), np.empty(0, np.int64))
    cmc = single_shot_cmc(np.empty((0, 0), np.float32), none, none, np.random.default_rng(0))
    assert np.isnan(cmc).all()
