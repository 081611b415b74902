"""The Kalman filter of DeepSORT as a textbook writes it: one track, eight states, full matrices.

State: (cx, cy, a, h, and the velocity of each), a = width / height, constant velocity, one unit of
time a frame. Measurement: (cx, cy, a, h). Noise (arXiv 1703.07402, section 2.1, and the table of
its published settings, where m = p), with p, v and m the weights and h the height of the box:

                       cx, cy, h    a       velocities of cx, cy, h    velocity of a
    process, per frame   p h        1e-2            v h                    1e-5
    measurement          m h        1e-1
    at the start       2 p h        1e-2         10 v h                    1e-5
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


class DenseKalmanFilter:
    """Mean is (8,), covariance is (8, 8)."""

    def __init__(
        self,
        std_weight_position: float = 1 / 20,
        std_weight_velocity: float = 1 / 160,
        std_weight_measurement: float = 1 / 20,
    ) -> None:
        self.position_weight = std_weight_position
        self.velocity_weight = std_weight_velocity
        self.measurement_weight = std_weight_measurement
        self.transition = np.eye(8)
        for coordinate in range(4):
            self.transition[coordinate, coordinate + 4] = 1.0
        self.observation = np.eye(4, 8)

    def initiate(self, measurement: Array) -> tuple[Array, Array]:
        """Return a track at rest at its first measurement."""
        p = 2 * self.position_weight * measurement[3]
        v = 10 * self.velocity_weight * measurement[3]
        std = np.array([p, p, 1e-2, p, v, v, 1e-5, v])
        return np.concatenate([measurement, np.zeros(4)]), np.diag(std**2)

    def predict(
        self, mean: Array, covariance: Array, noise_height: float | None = None
    ) -> tuple[Array, Array]:
        """Move one frame on; the noise belongs to the present height unless one is given."""
        height = mean[3] if noise_height is None else noise_height
        p, v = self.position_weight * height, self.velocity_weight * height
        process_noise = np.diag(np.array([p, p, 1e-2, p, v, v, 1e-5, v]) ** 2)
        moved = self.transition @ mean
        spread = self.transition @ covariance @ self.transition.T + process_noise
        return moved, spread

    def predict_frames(self, mean: Array, covariance: Array, frames: int) -> tuple[Array, Array]:
        """Move `frames` frames on, all with the noise of the height at the start."""
        height = float(mean[3])
        for _ in range(frames):
            mean, covariance = self.predict(mean, covariance, noise_height=height)
        return mean, covariance

    def project(self, mean: Array, covariance: Array) -> tuple[Array, Array]:
        """Return the expected measurement (4,) and its covariance (4, 4)."""
        m = self.measurement_weight * mean[3]
        measurement_noise = np.diag(np.array([m, m, 1e-1, m]) ** 2)
        expected = self.observation @ mean
        return expected, self.observation @ covariance @ self.observation.T + measurement_noise

    def update(self, mean: Array, covariance: Array, measurement: Array) -> tuple[Array, Array]:
        """Correct the prediction by a measurement."""
        expected, innovation_covariance = self.project(mean, covariance)
        gain = covariance @ self.observation.T @ np.linalg.inv(innovation_covariance)
        corrected = mean + gain @ (measurement - expected)
        return corrected, (np.eye(8) - gain @ self.observation) @ covariance

    def squared_mahalanobis(self, mean: Array, covariance: Array, measurement: Array) -> float:
        """Equation 1 of the paper."""
        expected, innovation_covariance = self.project(mean, covariance)
        innovation = measurement - expected
        return float(innovation @ np.linalg.inv(innovation_covariance) @ innovation)
