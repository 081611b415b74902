"""The matching cascade against the paper's listing in plain loops."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reid_tracker.track.cascade import match_cascade
from tests.examples import examples
from tests.oracles.deepsort_plain import cascade

Array = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


def run(ages: list[int], cost: Array, max_cost: float = 1.0) -> list[tuple[int, int]]:
    tracks, detections = match_cascade(
        np.array(ages, np.int64),
        np.isfinite(cost),
        lambda rows, columns: cost[np.ix_(rows, columns)],
        max_cost,
    )
    assert tracks.dtype == detections.dtype == np.int64
    assert (np.diff(tracks) > 0).all()
    assert len(np.unique(detections)) == len(detections)
    return list(zip(tracks.tolist(), detections.tolist(), strict=True))


@settings(max_examples=examples(150), deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**32 - 1),
    tracks=st.integers(0, 12),
    detections=st.integers(0, 12),
    oldest=st.integers(1, 6),
    refused=st.sampled_from([0.0, 0.4, 0.9]),
)
def test_equals_the_plain_cascade(
    seed: int, tracks: int, detections: int, oldest: int, refused: float
) -> None:
    generator = np.random.default_rng(seed)
    ages = generator.integers(1, oldest + 1, tracks).tolist()
    cost = generator.random((tracks, detections)) * 1.3
    cost[generator.random(cost.shape) < refused] = np.inf
    assert run(ages, cost) == cascade(ages, cost, 1.0)


def test_the_track_seen_last_chooses_first() -> None:
    # The old track would be the better match: the cascade does not even ask.
    assert run([7, 1], np.array([[0.1], [0.9]])) == [(1, 0)]
    assert run([1, 1], np.array([[0.1], [0.9]])) == [(0, 0)]


def test_an_older_track_takes_what_is_left() -> None:
    assert run([2, 1], np.array([[0.1, 0.8], [0.2, 0.9]])) == [(0, 1), (1, 0)]


def test_a_detection_that_the_first_refuse_goes_to_the_next() -> None:
    assert run([2, 1], np.array([[0.5], [np.inf]])) == [(0, 0)]
    assert run([2, 1], np.array([[0.5], [1.1]])) == [(0, 0)]


def test_only_pairs_still_possible_are_asked_for() -> None:
    asked: list[tuple[list[int], list[int]]] = []

    def pair_cost(tracks: IntArray, detections: IntArray) -> Array:
        asked.append((tracks.tolist(), detections.tolist()))
        return np.zeros((len(tracks), len(detections)))

    allowed = np.array([[True, True, False], [True, False, False], [False, False, False]])
    tracks, detections = match_cascade(np.array([2, 1, 1]), allowed, pair_cost, 1.0)
    assert asked == [([1], [0]), ([0], [1])]
    assert (tracks.tolist(), detections.tolist()) == ([0, 1], [1, 0])


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0)])
def test_empty(shape: tuple[int, int]) -> None:
    assert run([1] * shape[0], np.empty(shape)) == []
