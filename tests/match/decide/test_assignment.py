"""Assignment of waiting tracklets to people, against all possible assignments."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reid_tracker.match.decide.assignment import Candidates, assign
from tests.match.worlds import seeds, some

GATE = 0.6


@some
@given(seeds, st.integers(0, 4), st.integers(0, 4))
def test_assignment_is_the_best_of_all(seed: int, tracklets: int, people: int) -> None:
    rng = np.random.default_rng(seed)
    shape = (tracklets, people)
    costs = np.where(rng.random(shape) < 0.8, rng.random(shape), np.inf)
    row, column = np.nonzero(np.isfinite(costs))
    numbers = 10 * (column + 1)
    found = assign(Candidates(row, numbers, costs[row, column]), tracklets, GATE)
    chosen = found.identities // 10 - 1

    def total(columns: tuple[int, ...]) -> float:
        pairs = [(row, column) for row, column in enumerate(columns) if column >= 0]
        if len({column for _, column in pairs}) < len(pairs):
            return np.inf
        return sum(costs[pair] - GATE if costs[pair] <= GATE else np.inf for pair in pairs)

    best = min(map(total, itertools.product([*range(people), -1], repeat=tracklets)))
    assert total(tuple(chosen.tolist())) == pytest.approx(best, abs=1e-4)
    for index, place in enumerate(chosen.tolist()):
        assert found.costs[index] == (costs[index, place] if place >= 0 else np.inf)
        others = np.delete(costs[index], place) if place >= 0 else costs[index]
        assert found.rivals[index] == others.min(initial=np.inf)


def test_a_pair_above_the_gate_is_only_a_rival() -> None:
    candidates = Candidates(np.array([0, 0]), np.array([3, 5]), np.array([0.7, 0.5]))
    found = assign(candidates, 2, GATE)
    assert found.identities.tolist() == [5, 0]
    assert found.costs.tolist() == [0.5, np.inf]
    assert found.rivals.tolist() == [0.7, np.inf]
