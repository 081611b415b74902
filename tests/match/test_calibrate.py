"""Thresholds from distances, and distances from tracks without labels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reid_tracker.config import MatchConfig
from reid_tracker.errors import InputError
from reid_tracker.match.calibrate import PieceRecorder, calibrate
from tests.match.worlds import embeddings_of, tracks

some = settings(max_examples=30, deadline=None, derandomize=True)


def test_a_gap_is_cut_in_the_middle() -> None:
    found = calibrate(np.linspace(0.05, 0.2, 50), np.linspace(0.4, 0.8, 70))
    assert found.loose == pytest.approx(0.3)
    assert found.tight == found.revise_threshold == found.loose
    assert (found.same_pairs, found.different_pairs, found.equal_error) == (50, 70, 0)


@some
@given(st.integers(0, 2**32 - 1))
def test_errors_are_equal_at_loose_and_rare_at_tight(seed: int) -> None:
    rng = np.random.default_rng(seed)
    same, different = rng.normal(0.25, 0.06, 800), rng.normal(0.5, 0.08, 3000)
    found = calibrate(same, different)
    missed, false = (same > found.loose).mean(), (different <= found.loose).mean()
    assert missed == pytest.approx(false, abs=0.01)
    assert found.equal_error == pytest.approx(missed, abs=0.01)
    assert (different <= found.tight).mean() <= 0.011
    assert found.tight <= found.revise_threshold == found.loose


def test_too_little_footage_is_refused() -> None:
    with pytest.raises(InputError, match="3 pairs of one person: expected at least 20"):
        calibrate(np.zeros(3), np.ones(50))
    with pytest.raises(InputError, match="2 pairs of two people"):
        calibrate(np.zeros(30), np.ones(2))


def test_tracks_tell_one_person_from_two() -> None:
    recorder = PieceRecorder(MatchConfig(min_hits=3))
    rng = np.random.default_rng(0)
    for step in range(60):
        seen = tracks([1, 2])
        seen.ages_s[:] = step / 5
        recorder.add(seen, embeddings_of([0, 1], rng), step / 5)
    seen = tracks([3])
    for step in range(60, 70):  # after the others: may be one of them
        recorder.add(seen, embeddings_of([0], rng), step / 5)
    same, different = recorder.distances()
    assert len(same) == 2 * 6  # four pieces a track
    assert len(different) == 4
    assert same.max() < 0.1
    assert different.min() > 0.9
