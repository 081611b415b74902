"""Takes out of embeddings what a camera adds to all of them: its light, colours and height.

A camera's mean embedding differs from that of all cameras because of the camera, and because of the
people it happened to see. Only what exceeds the second is taken out, as in the estimator of James
and Stein (1961): few tracklets move nothing, many tracklets move almost by the whole difference.
"""

from __future__ import annotations

import numpy as np

from reid_tracker.arrays import Float32Array, IntArray

_DOUBT = 2.0
"""Chance is taken for this many times its mean. Embeddings of people vary in about ten effective
dimensions (`tests/benchmarks/city_looks.py`), where one camera in thirty exceeds it by chance."""


def camera_shifts(means: Float32Array, cameras: IntArray) -> Float32Array:
    """Return the (C, D) part of embeddings that comes from each camera.

    Args:
        means: (N, D) one embedding per tracklet, N >= 1.
        cameras: (N,) numbers from 0 to C - 1; each occurs.
    """
    count = np.bincount(cameras)
    centres = camera_means(means, cameras)
    differences = centres - means.mean(axis=0)
    inside = ((means - centres[cameras]) ** 2).sum() / max(len(means) - len(count), 1)
    chance = inside * (1 / count - 1 / len(means))
    square = (differences**2).sum(axis=1)
    # A single tracklet for each camera says nothing about chance.
    known = (square > 0) & (len(means) > len(count))
    share = np.zeros(len(count))
    np.divide(_DOUBT * chance, square, out=share, where=known)
    shifts: Float32Array = differences * np.where(known, np.maximum(1 - share, 0), 0)[:, None]
    return shifts.astype(np.float32)


def camera_means(means: Float32Array, cameras: IntArray) -> Float32Array:
    """Return the (C, D) means of (N, D) embeddings by camera, see `camera_shifts`."""
    belongs = (cameras == np.arange(cameras.max() + 1)[:, None]).astype(np.float32)
    centres: Float32Array = belongs @ means / belongs.sum(axis=1, keepdims=True)
    return centres


def shifted(vectors: Float32Array, shifts: Float32Array) -> Float32Array:
    """Return (..., D) unit vectors less their (..., D) shifts, of unit length; zeros stay zeros."""
    moved = np.subtract(vectors, shifts)
    length = np.sqrt(np.einsum("...d,...d->...", moved, moved))[..., None]
    length[~vectors.any(axis=-1)] = np.inf
    moved /= np.maximum(length, 1e-12)
    return moved
