"""From costs of tracklet pairs to costs of groups: a mean in which the cheap pairs count most.

A person seen by several cameras looks alike mostly within one view, so the plain mean over all
pairs is too strict and the least of them too lenient. Here each pair weighs exp(-cost / softness):
a mean for a large softness, the minimum for a small one. Sums of weights and of weighted costs add
up when groups join, so that no pair is looked at twice.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


class Pairs(NamedTuple):
    """What is known of every pair of (A,) and (B,) tracklets.

    Attributes:
        costs: (A, B) cost of calling them one person; +inf is impossible.
        possible: (A, B) bool; False where a hard constraint forbids it.
        near: (A, B) bool; one may directly follow or accompany the other.
    """

    costs: FloatArray
    possible: BoolArray
    near: BoolArray


class GroupCosts(NamedTuple):
    """Of (A,) rows against G groups.

    Attributes:
        groups: (G,) labels of the groups, rising.
        costs: (A, G) costs, +inf where a group is ruled out.
    """

    groups: IntArray
    costs: FloatArray


def nearest_groups(similarity: FloatArray, labels: IntArray, count: int) -> BoolArray:
    """Find the groups worth a closer look.

    Args:
        similarity: (A, B) of rows and columns.
        labels: (B,) group of each column.
        count: groups to find for each row, by their most similar column.

    Returns:
        (B,) bool; True for columns of a group that any row found.
    """
    order = np.argsort(labels, kind="stable")
    groups, starts = np.unique(labels[order], return_index=True)
    if len(groups) <= count:
        return np.ones(len(labels), np.bool_)
    best = np.maximum.reduceat(similarity[:, order], starts, axis=1)
    found = np.argpartition(-best, count - 1, axis=1)[:, :count]
    return np.isin(labels, groups[np.unique(found)])


def soft_weights(costs: FloatArray, softness: float) -> FloatArray:
    """Return the weight of each pair, 0 for infinite costs."""
    weights: FloatArray = np.exp(-costs / softness)
    return weights


def group_costs(pairs: Pairs, labels: IntArray, softness: float) -> GroupCosts:
    """Cost of joining each row to each group of columns.

    One impossible pair rules the whole group out; one near pair puts it within reach.

    Args:
        pairs: (A, B) of rows and columns.
        labels: (B,) group of each column.
        softness: see the module.
    """
    costs, possible, near = pairs
    if not len(labels):
        return GroupCosts(np.empty(0, np.int64), np.empty((len(costs), 0)))
    order = np.argsort(labels, kind="stable")
    groups, starts = np.unique(labels[order], return_index=True)
    costs, near = costs[:, order], near[:, order]
    possible = possible[:, order] & np.isfinite(costs)
    weights = soft_weights(costs, softness)
    weighted = weights * np.where(np.isfinite(costs), costs, 0)
    total = np.add.reduceat(weights, starts, axis=1)
    mean = np.add.reduceat(weighted, starts, axis=1) / np.where(total > 0, total, 1)
    allowed = np.logical_and.reduceat(possible, starts, axis=1)
    allowed &= np.logical_or.reduceat(near, starts, axis=1)
    return GroupCosts(groups, np.where(allowed & (total > 0), mean, np.inf))
