"""The factorised filter against the dense one of the textbook."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reid_tracker.track.kalman import BoxKalmanFilter
from tests.oracles.kalman_dense import DenseKalmanFilter

Array = npt.NDArray[np.float64]
Dense = list[tuple[Array, Array]]

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")
some = settings(max_examples=40, deadline=None, derandomize=True)
seeds = st.integers(0, 2**32 - 1)


def random_measurements(generator: np.random.Generator, count: int) -> Array:
    low, high = (-500, -500, 0.1, 5), (4000, 2000, 3, 1000)
    return generator.uniform(low, high, (count, 4))


def random_tracks(
    generator: np.random.Generator, kalman: BoxKalmanFilter, dense: DenseKalmanFilter
) -> tuple[Array, Array, Dense, Array]:
    """Return tracks in both forms, with a short past, and their newest measurements."""
    measurements = random_measurements(generator, int(generator.integers(1, 6)))
    mean, covariance = kalman.initiate(measurements)
    oracle = [dense.initiate(measurement) for measurement in measurements]
    for _ in range(int(generator.integers(0, 6))):
        mean, covariance = kalman.predict(mean, covariance, 1.0)
        oracle = [dense.predict(*track) for track in oracle]
        if generator.random() < 0.7:
            measurements = near(generator, measurements)
            mean, covariance = kalman.update(mean, covariance, measurements)
            oracle = [
                dense.update(*track, z) for track, z in zip(oracle, measurements, strict=True)
            ]
    return mean, covariance, oracle, measurements


def near(generator: np.random.Generator, measurements: Array) -> Array:
    """Return the measurements, moved and resized a little."""
    height = measurements[:, 3:]
    shift = generator.normal(0, 0.1, measurements.shape)
    moved = measurements + shift * np.concatenate(
        [height, height, np.full_like(height, 0.1), 0.2 * height], axis=1
    )
    plausible: Array = np.maximum(moved, (-np.inf, -np.inf, 0.05, 1.0))
    return plausible


def assert_same(mean: Array, covariance: Array, oracle: Dense) -> None:
    for row, (dense_mean, dense_covariance) in enumerate(oracle):
        assert np.count_nonzero(dense_covariance) <= 16, "coordinates couple: no factorisation"
        np.testing.assert_allclose(mean[row, :, 0], dense_mean[:4], rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(mean[row, :, 1], dense_mean[4:], rtol=1e-9, atol=1e-9)
        variances = np.diag(dense_covariance)
        couplings = np.diag(dense_covariance, 4)
        expected = np.stack([variances[:4], couplings, variances[4:]], axis=1)
        np.testing.assert_allclose(covariance[row], expected, rtol=1e-9, atol=1e-15)


@some
@given(seed=seeds)
def test_equals_the_dense_filter(seed: int) -> None:
    generator = np.random.default_rng(seed)
    position, measurement = generator.uniform(0.01, 0.2, 2)
    weights = position, generator.uniform(0.001, 0.05), measurement
    kalman, dense = BoxKalmanFilter(*weights), DenseKalmanFilter(*weights)
    mean, covariance, oracle, measurements = random_tracks(generator, kalman, dense)
    assert_same(mean, covariance, oracle)

    candidates = np.concatenate(
        [near(generator, measurements), random_measurements(generator, 3)], axis=0
    )
    expected = [
        [dense.squared_mahalanobis(*track, candidate) for candidate in candidates]
        for track in oracle
    ]
    actual = kalman.squared_mahalanobis(mean, covariance, candidates)
    np.testing.assert_allclose(actual, expected, rtol=1e-9, atol=1e-9)


@some
@given(seed=seeds, frames=st.integers(1, 40))
def test_one_long_prediction_equals_unit_predictions_with_the_first_noise(
    seed: int, frames: int
) -> None:
    generator = np.random.default_rng(seed)
    kalman, dense = BoxKalmanFilter(), DenseKalmanFilter()
    mean, covariance, oracle, _ = random_tracks(generator, kalman, dense)
    assert_same(
        *kalman.predict(mean, covariance, float(frames)),
        [dense.predict_frames(*track, frames) for track in oracle],
    )


@some
@given(seed=seeds, frames=st.integers(2, 40))
def test_unit_predictions_compose_while_the_height_stands_still(seed: int, frames: int) -> None:
    generator = np.random.default_rng(seed)
    kalman = BoxKalmanFilter()
    mean, covariance, _, _ = random_tracks(generator, kalman, DenseKalmanFilter())
    mean[:, 3, 1] = 0
    stepwise = mean, covariance
    for _ in range(frames):
        stepwise = kalman.predict(*stepwise, 1.0)
    at_once = kalman.predict(mean, covariance, float(frames))
    np.testing.assert_allclose(at_once[0], stepwise[0], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(at_once[1], stepwise[1], rtol=1e-9)


def test_a_growing_box_is_the_exception_one_long_step_keeps_the_first_noise() -> None:
    kalman = BoxKalmanFilter()
    mean, covariance = kalman.initiate(np.array([[0.0, 0.0, 0.5, 100.0]]))
    mean[0, 3, 1] = 2.0
    stepwise = mean, covariance
    for _ in range(10):
        stepwise = kalman.predict(*stepwise, 1.0)
    at_once = kalman.predict(mean, covariance, 10.0)
    np.testing.assert_allclose(at_once[0], stepwise[0])
    assert (at_once[1][:, [0, 1, 3], 0] < stepwise[1][:, [0, 1, 3], 0]).all()


def test_the_first_state_is_at_rest_with_the_published_uncertainty() -> None:
    mean, covariance = BoxKalmanFilter().initiate(np.array([[320.0, 240.0, 0.5, 160.0]]))
    np.testing.assert_array_equal(mean[0], [[320, 0], [240, 0], [0.5, 0], [160, 0]])
    std = np.sqrt(covariance[0, :, [0, 2]])
    np.testing.assert_allclose(std, [[16, 16, 1e-2, 16], [10, 10, 1e-5, 10]])
    assert not covariance[..., 1].any()


def test_a_known_correction() -> None:
    # Prior variance of x is 16^2, measurement variance 8^2: the gain is 256 / 320.
    kalman = BoxKalmanFilter()
    mean, covariance = kalman.initiate(np.array([[320.0, 240.0, 0.5, 160.0]]))
    mean, covariance = kalman.update(mean, covariance, np.array([[330.0, 240.0, 0.5, 160.0]]))
    assert mean[0, 0, 0] == pytest.approx(328)
    assert covariance[0, 0, 0] == pytest.approx(256 * 0.2)


@pytest.mark.parametrize("longest_step", [0.9, 1.0, 6.0])
def test_covariance_stays_positive_semidefinite_over_long_runs(longest_step: float) -> None:
    generator = np.random.default_rng(5)
    kalman = BoxKalmanFilter()
    truth = random_measurements(generator, 8)
    mean, covariance = kalman.initiate(truth)
    for _ in range(3000):
        step = longest_step if generator.random() < 0.5 else generator.uniform(0.01, longest_step)
        mean, covariance = kalman.predict(mean, covariance, float(step))
        assert_positive(covariance)
        corrected = generator.random(8) < 0.8
        mean[corrected], covariance[corrected] = kalman.update(
            mean[corrected], covariance[corrected], near(generator, truth[corrected])
        )
        assert_positive(covariance)


def assert_positive(covariance: Array) -> None:
    position_var, coupling, velocity_var = np.moveaxis(covariance, 2, 0)
    assert np.isfinite(covariance).all()
    assert (position_var > 0).all()
    assert (velocity_var > 0).all()
    assert (coupling**2 <= position_var * velocity_var * (1 + 1e-9)).all()


def test_a_longer_step_is_never_more_certain() -> None:
    kalman = BoxKalmanFilter()
    mean, covariance = kalman.initiate(np.array([[0.0, 0.0, 0.5, 100.0]]))
    mean, covariance = kalman.predict(mean, covariance, 1.0)
    steps = np.arange(1, 81) / 20
    spreads = np.stack([kalman.predict(mean, covariance, float(step))[1] for step in steps])
    assert (np.diff(spreads, axis=0) >= 0).all()
    assert (spreads[0] >= covariance).all()


def test_two_steps_of_sixty_frames_a_second_make_one_of_thirty() -> None:
    kalman = BoxKalmanFilter()
    mean, covariance = kalman.initiate(np.array([[0.0, 0.0, 0.5, 160.0]]))
    mean[..., 1] = [[3, -2, 0, 0]]
    once = kalman.predict(mean, covariance, 1.0)
    twice = kalman.predict(*kalman.predict(mean, covariance, 0.5), 0.5)
    np.testing.assert_allclose(twice[0], once[0])
    # Noise that enters half way has moved the box already: a quarter of one frame's velocity noise.
    velocity_noise = np.array([1, 1, 1e-5, 1]) ** 2
    extra = twice[1] - once[1]
    np.testing.assert_allclose(extra[0, :, 0], velocity_noise / 8, atol=1e-9)
    np.testing.assert_allclose(extra[0, :, 1], velocity_noise / 4, atol=1e-9)
    np.testing.assert_allclose(extra[0, :, 2], 0, atol=1e-9)


def test_no_tracks_and_no_measurements() -> None:
    kalman = BoxKalmanFilter()
    mean, covariance = kalman.initiate(np.empty((0, 4)))
    mean, covariance = kalman.predict(mean, covariance, 1.0)
    mean, covariance = kalman.update(mean, covariance, np.empty((0, 4)))
    assert mean.shape == (0, 4, 2)
    assert covariance.shape == (0, 4, 3)
    assert kalman.squared_mahalanobis(mean, covariance, np.ones((3, 4))).shape == (0, 3)
    one = kalman.initiate(np.ones((1, 4)))
    assert kalman.squared_mahalanobis(*one, np.empty((0, 4))).shape == (1, 0)


def test_the_arguments_are_left_alone() -> None:
    kalman = BoxKalmanFilter()
    measurements = np.array([[10.0, 20.0, 0.5, 100.0]])
    mean, covariance = kalman.initiate(measurements)
    before = mean.copy(), covariance.copy(), measurements.copy()
    kalman.predict(mean, covariance, 2.0)
    kalman.update(mean, covariance, measurements + 1)
    kalman.squared_mahalanobis(mean, covariance, measurements)
    for array, copy in zip((mean, covariance, measurements), before, strict=True):
        np.testing.assert_array_equal(array, copy)
