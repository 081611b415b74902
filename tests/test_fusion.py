"""Fused positions against the plain oracle: the maximum of the product of densities."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reid_tracker.fusion import fuse
from tests.match.worlds import seeds, some


@some
@given(seeds, st.integers(1, 3), st.integers(1, 4))
def test_fusion_agrees_with_the_oracle(seed: int, groups: int, each: int) -> None:
    rng = np.random.default_rng(seed)
    group = np.concatenate([np.arange(groups), rng.integers(0, groups, groups * (each - 1))])
    places = rng.normal(size=(len(group), 2))
    roots = rng.normal(size=(len(group), 2, 2))
    covariances = roots @ roots.transpose(0, 2, 1) + 0.05 * np.eye(2)
    found, spread = fuse(places, covariances, group)
    for number in range(groups):
        here = np.flatnonzero(group == number).tolist()
        # One camera after the other, as a Kalman filter takes measurements of a still person.
        mean, doubt = places[here[0]], covariances[here[0]]
        for row in here[1:]:
            gain = doubt @ np.linalg.inv(doubt + covariances[row])
            mean, doubt = mean + gain @ (places[row] - mean), (np.eye(2) - gain) @ doubt
        assert found[number] == pytest.approx(mean, abs=1e-6)
        assert spread[number] == pytest.approx(doubt, abs=1e-6)


def test_two_cameras_across_each_other_locate_better_than_their_mean() -> None:
    rng = np.random.default_rng(0)
    along, across = np.diag([4.0, 0.01]), np.diag([0.01, 4.0])
    covariances = np.tile([along, across], (500, 1, 1))
    noise = np.array([rng.multivariate_normal([0, 0], each) for each in covariances])
    fused = fuse(noise, covariances, np.repeat(np.arange(500), 2))[0]
    mean = noise.reshape(500, 2, 2).mean(axis=1)
    error, plain = (np.sqrt((each**2).sum(axis=1).mean()) for each in (fused, mean))
    assert error < 0.2
    assert plain > 1


def test_nobody_is_a_normal_case() -> None:
    found, spread = fuse(np.zeros((0, 2)), np.zeros((0, 2, 2)), np.zeros(0, np.int64))
    assert (found.shape, spread.shape) == ((0, 2), (0, 2, 2))
