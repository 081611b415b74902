"""The gated assignment against every permutation and against scipy."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from reid_tracker.track.assignment import assign
from tests.examples import examples

Array = npt.NDArray[np.float64]

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")
some = settings(max_examples=examples(150), deadline=None, derandomize=True)
seeds = st.integers(0, 2**32 - 1)

# A refused pair counts a little more than the gate, so that a pair exactly at it is still taken.
MARGIN = 1e-5


def random_cost(generator: np.random.Generator, rows: int, columns: int) -> Array:
    """Costs around a gate of 0.7: smooth or in coarse steps (many ties), some infinite."""
    cost = generator.random((rows, columns))
    if generator.random() < 0.5:
        cost = np.round(cost * 10) / 10
    cost[generator.random(cost.shape) < generator.choice([0, 0.3, 0.8])] = np.inf
    return cost


def total(cost: Array, rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64]) -> float:
    """The objective: matched costs, and a gate and a margin for each pair that is refused."""
    refused = min(cost.shape) - len(rows)
    return float(cost[rows, columns].sum() + refused * (0.7 + MARGIN))


def brute_force(cost: Array) -> float:
    if cost.shape[0] > cost.shape[1]:
        cost = cost.T
    clipped = np.where(cost <= 0.7, cost, 0.7 + MARGIN)
    rows = np.arange(cost.shape[0])
    return min(
        float(clipped[rows, list(chosen)].sum())
        for chosen in itertools.permutations(range(cost.shape[1]), cost.shape[0])
    )


def assert_valid(
    cost: Array, rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64], max_cost: float
) -> None:
    assert rows.dtype == columns.dtype == np.int64
    assert rows.shape == columns.shape == (len(rows),)
    assert (np.diff(rows) > 0).all()
    assert len(np.unique(columns)) == len(columns)
    assert (cost[rows, columns] <= max_cost).all()


@some
@given(seed=seeds, rows=st.integers(1, 6), columns=st.integers(1, 6))
def test_equals_brute_force(seed: int, rows: int, columns: int) -> None:
    cost = random_cost(np.random.default_rng(seed), rows, columns)
    chosen = assign(cost, 0.7)
    assert_valid(cost, *chosen, 0.7)
    assert total(cost, *chosen) == pytest.approx(brute_force(cost), abs=1e-9)


@some
@given(seed=seeds, rows=st.integers(1, 60), columns=st.integers(1, 60))
def test_equals_scipy(seed: int, rows: int, columns: int) -> None:
    cost = random_cost(np.random.default_rng(seed), rows, columns)
    chosen = assign(cost, 0.7)
    assert_valid(cost, *chosen, 0.7)
    clipped = np.where(cost <= 0.7, cost, 0.7 + MARGIN)
    optimum = float(clipped[linear_sum_assignment(clipped)].sum())
    assert total(cost, *chosen) == pytest.approx(optimum, abs=1e-8)


@some
@given(seed=seeds)
def test_is_deterministic_and_leaves_its_argument_alone(seed: int) -> None:
    cost = random_cost(np.random.default_rng(seed), 12, 9)
    before = cost.copy()
    first, second = assign(cost, 0.7), assign(cost.copy(), 0.7)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(cost, before)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)])
def test_empty(shape: tuple[int, int]) -> None:
    rows, columns = assign(np.empty(shape), 0.7)
    assert rows.tolist() == columns.tolist() == []
    assert rows.dtype == columns.dtype == np.int64


def test_all_infinite() -> None:
    rows, columns = assign(np.full((3, 2), np.inf), 0.7)
    assert rows.tolist() == columns.tolist() == []


def test_the_best_sum_beats_the_best_pair() -> None:
    rows, columns = assign(np.array([[0.1, 0.2], [0.2, 0.6]]), 0.7)
    assert (rows.tolist(), columns.tolist()) == ([0, 1], [1, 0])


def test_the_gate_refuses_a_pair_that_the_best_sum_would_use() -> None:
    rows, columns = assign(np.array([[0.1, 0.2], [0.2, 0.9]]), 0.7)
    assert (rows.tolist(), columns.tolist()) == ([0, 1], [1, 0])
    rows, columns = assign(np.array([[0.1, 0.9], [0.9, 0.9]]), 0.7)
    assert (rows.tolist(), columns.tolist()) == ([0], [0])


def test_a_pair_exactly_at_the_gate_is_taken() -> None:
    rows, columns = assign(np.array([[0.7, np.inf], [0.7, 0.7]]), 0.7)
    assert (rows.tolist(), columns.tolist()) == ([0, 1], [0, 1])


def test_single_precision() -> None:
    cost = np.array([[0.5, 0.1], [0.1, 0.3]], np.float32)
    rows, columns = assign(cost, 0.8)
    assert (rows.tolist(), columns.tolist()) == ([0, 1], [1, 0])
