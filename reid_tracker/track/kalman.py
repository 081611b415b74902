"""The DeepSORT Kalman filter for all tracks at once (arXiv 1703.07402, section 2.1).

The state of a track is its box as centre x, centre y, aspect (width / height) and height, each
with a velocity. Motion and noise couple a coordinate only with its own velocity, so the filter of 8
states equals four independent filters of 2 states. Two small arrays hold all tracks:

    mean        (T, 4, 2)  [position, velocity] of each coordinate
    covariance  (T, 4, 3)  [var(position), cov(position, velocity), var(velocity)]

The unit of time is the nominal frame, for which the noise weights were tuned. `predict` takes any
positive step: one prediction over n nominal frames equals n predictions over one frame (with the
noise of the height at the start). Position and uncertainty are therefore right after dropped
frames and at any frame rate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reid_tracker.arrays import FloatArray

_HEIGHT = 3
_ASPECT = 2
_ASPECT_STD = 1e-2
_ASPECT_VELOCITY_STD = 1e-5
_ASPECT_MEASUREMENT_STD = 1e-1
_INITIAL_POSITION_FACTOR = 2
_INITIAL_VELOCITY_FACTOR = 10


@dataclass(frozen=True)
class BoxKalmanFilter:
    """Constant-velocity filter whose noise grows with the height of the box.

    Attributes:
        std_weight_position: position noise per nominal frame, relative to the box height.
        std_weight_velocity: velocity noise per nominal frame, relative to the box height.
        std_weight_measurement: noise of a detector's box, relative to the box height.
    """

    std_weight_position: float = 1 / 20
    std_weight_velocity: float = 1 / 160
    std_weight_measurement: float = 1 / 20

    def initiate(self, measurements: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Start tracks with zero velocity.

        Args:
            measurements: (T, 4) centre x, centre y, aspect, height.

        Returns:
            mean (T, 4, 2) and covariance (T, 4, 3).
        """
        position_std, velocity_std = self._process_std(measurements[:, _HEIGHT])
        position_std *= _INITIAL_POSITION_FACTOR
        velocity_std *= _INITIAL_VELOCITY_FACTOR
        position_std[:, _ASPECT] = _ASPECT_STD
        velocity_std[:, _ASPECT] = _ASPECT_VELOCITY_STD
        mean = np.stack([measurements, np.zeros_like(measurements)], axis=2)
        covariance = np.stack(
            [position_std**2, np.zeros_like(measurements), velocity_std**2], axis=2
        )
        return mean, covariance

    def predict(
        self, mean: FloatArray, covariance: FloatArray, step: float
    ) -> tuple[FloatArray, FloatArray]:
        """Predict the state of all tracks after a time step.

        The closed form sums the process noise of `step` predictions over one frame: noise that
        enters the velocity early in the step also moves the position.

        Args:
            mean: (T, 4, 2).
            covariance: (T, 4, 3).
            step: nominal frames, > 0, may be fractional.

        Returns:
            New mean and covariance.
        """
        position_std, velocity_std = self._process_std(mean[:, _HEIGHT, 0])
        position_noise, velocity_noise = position_std**2, velocity_std**2
        position_var, cross, velocity_var = np.moveaxis(covariance, 2, 0)
        moved = mean.copy()
        moved[..., 0] += step * mean[..., 1]
        # Sums of k and k^2 over k = 0 .. step - 1, extended to fractional steps above one frame.
        # In a shorter step, velocity noise does not move the position yet.
        whole = max(step, 1.0)
        sum_k = whole * (whole - 1) / 2
        sum_k_squared = (whole - 1) * whole * (2 * whole - 1) / 6
        spread = np.stack(
            [
                position_var
                + 2 * step * cross
                + step**2 * velocity_var
                + step * position_noise
                + sum_k_squared * velocity_noise,
                cross + step * velocity_var + sum_k * velocity_noise,
                velocity_var + step * velocity_noise,
            ],
            axis=2,
        )
        return moved, spread

    def moved(
        self, mean: FloatArray, covariance: FloatArray, motion: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Move all tracks with the picture (BoT-SORT, arXiv 2206.14651, equations 7 and 8).

        The coordinates stay independent: a turn of the camera mixes the variances of x and y, but
        not their covariance, which is zero here.

        Args:
            mean: (T, 4, 2).
            covariance: (T, 4, 3).
            motion: (2, 3) similarity in pixels.

        Returns:
            New mean and covariance.
        """
        turn, scale = motion[:, :2], float(np.hypot(motion[0, 0], motion[1, 0]))
        mean, covariance = mean.copy(), covariance.copy()
        mean[:, :2] = np.einsum("ij,tjk->tik", turn, mean[:, :2])
        mean[:, :2, 0] += motion[:, 2]
        mean[:, _HEIGHT] *= scale
        covariance[:, :2] = np.einsum("ij,tjk->tik", turn**2, covariance[:, :2])
        covariance[:, _HEIGHT] *= scale**2
        return mean, covariance

    def update(
        self, mean: FloatArray, covariance: FloatArray, measurements: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Correct each track with the measurement in the same row.

        Args:
            mean: (T, 4, 2) predicted.
            covariance: (T, 4, 3) predicted.
            measurements: (T, 4) centre x, centre y, aspect, height.

        Returns:
            Corrected mean and covariance.
        """
        position_var, cross, velocity_var = np.moveaxis(covariance, 2, 0)
        innovation_var = position_var + self._measurement_var(mean)
        gain = np.stack([position_var, cross], axis=2) / innovation_var[..., None]
        innovation = measurements - mean[..., 0]
        corrected = mean + gain * innovation[..., None]
        position_gain, velocity_gain = gain[..., 0], gain[..., 1]
        spread = np.stack(
            [
                position_var - position_gain * position_var,
                cross - position_gain * cross,
                velocity_var - velocity_gain * cross,
            ],
            axis=2,
        )
        return corrected, spread

    def squared_mahalanobis(
        self, mean: FloatArray, covariance: FloatArray, measurements: FloatArray
    ) -> FloatArray:
        """Return the distance of every measurement from every track (equation 1 of the paper).

        Args:
            mean: (T, 4, 2) predicted.
            covariance: (T, 4, 3) predicted.
            measurements: (N, 4) centre x, centre y, aspect, height.

        Returns:
            (T, N) squared Mahalanobis distances, chi-square distributed with 4 degrees of freedom.
        """
        innovation_std = np.sqrt(covariance[..., 0] + self._measurement_var(mean))
        distance = np.zeros((len(mean), len(measurements)))
        # Four passes over a (T, N) array are faster than one over (T, N, 4).
        for coordinate in range(4):
            scale = 1 / innovation_std[:, coordinate, None]
            scaled = measurements[None, :, coordinate] * scale
            scaled -= mean[:, coordinate, 0, None] * scale
            distance += np.square(scaled, out=scaled)
        return distance

    def _process_std(self, height: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the standard deviations of position and velocity noise per frame, (T, 4) each."""
        position = np.repeat(self.std_weight_position * height[:, None], 4, axis=1)
        velocity = np.repeat(self.std_weight_velocity * height[:, None], 4, axis=1)
        position[:, _ASPECT] = _ASPECT_STD
        velocity[:, _ASPECT] = _ASPECT_VELOCITY_STD
        return position, velocity

    def _measurement_var(self, mean: FloatArray) -> FloatArray:
        """Return the variance of the measurement noise, (T, 4)."""
        variance = np.repeat((self.std_weight_measurement * mean[:, _HEIGHT, :1]) ** 2, 4, axis=1)
        variance[:, _ASPECT] = _ASPECT_MEASUREMENT_STD**2
        return variance
