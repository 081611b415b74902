"""Fuses what several cameras say about where a person stands, with the uncertainty of each."""

import numpy as np

from reid_tracker.arrays import FloatArray, IntArray


def fuse(
    places: FloatArray, covariances: FloatArray, groups: IntArray
) -> tuple[FloatArray, FloatArray]:
    """Fuse positions by group, each weighted with the inverse of its covariance.

    This is the product of normal distributions in closed form, as in ModTrack (arXiv 2603.15812).

    Args:
        places: (N, 2) metres.
        covariances: (N, 2, 2) square metres; each has an inverse.
        groups: (N,) numbers from 0 to G - 1; each occurs.

    Returns:
        (G, 2) positions and their (G, 2, 2) covariances.
    """
    count = int(groups.max(initial=-1)) + 1
    information = np.linalg.inv(covariances)
    total, weighted = np.zeros((count, 2, 2)), np.zeros((count, 2))
    np.add.at(total, groups, information)
    np.add.at(weighted, groups, np.einsum("nij,nj->ni", information, places))
    fused = np.asarray(np.linalg.inv(total), np.float64)
    metres: FloatArray = np.einsum("gij,gj->gi", fused, weighted)
    return metres, fused
