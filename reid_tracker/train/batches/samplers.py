"""Divides images into batches: a pure function of seed and epoch, so that a run can resume.

A sampler returns the whole epoch at once, one row per step.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from reid_tracker.arrays import IntArray
from reid_tracker.errors import InputError


def random_batches(count: int, batch_size: int, generator: np.random.Generator) -> IntArray:
    """Draw every image once; the last, incomplete batch is dropped.

    Args:
        count: number of images.
        batch_size: images in a batch.
        generator: source of randomness.

    Returns:
        (steps, batch_size) row numbers.

    Raises:
        InputError: there are fewer images than a batch holds.
    """
    if count < batch_size:
        raise InputError(
            f"{count} training images are less than one batch of {batch_size}; "
            "lower sampler.batch_size"
        )
    steps = count // batch_size
    return generator.permutation(count)[: steps * batch_size].reshape(steps, batch_size)


def pk_batches(
    labels: IntArray,
    cameras: IntArray,
    identities: int,
    images: int,
    generator: np.random.Generator,
) -> IntArray:
    """Draw batches of P identities with K images each.

    The images of an identity are shuffled with cameras in turn, and cut into groups of K; the last
    group is filled with other images of the identity, repeated if it has fewer than K. Each group
    is used at most once, and no batch holds an identity twice. Identities with more groups left
    come first, so that few groups are unused when fewer than P identities remain.

    Args:
        labels: (N,) identity of each image.
        cameras: (N,) camera of each image.
        identities: P.
        images: K.
        generator: source of randomness.

    Returns:
        (steps, P * K) row numbers; the K images of an identity are neighbours.

    Raises:
        InputError: an identity has one image, or there are fewer than P identities.
    """
    names, counts = np.unique(labels, return_counts=True)
    check_identities(labels, identities)
    order = generator.permutation(len(labels))
    order = order[np.lexsort((_turns(labels[order], cameras[order]), labels[order]))]
    rows_of = np.split(order, np.cumsum(counts)[:-1])
    groups = [_groups(rows, images) for rows in rows_of]
    left = np.array([len(group) for group in groups])
    batches = []
    while (left > 0).sum() >= identities:
        # Ties are broken at random: noise below 1 never reorders unequal counts.
        urgency = np.where(left > 0, left + generator.random(len(names)), -1.0)
        chosen = np.argpartition(-urgency, identities - 1)[:identities]
        left[chosen] -= 1
        batches.append(np.concatenate([groups[name][left[name]] for name in chosen]))
    result = np.array(batches)
    return result[generator.permutation(len(result))]


def check_identities(labels: IntArray, identities: int, paths: Sequence[Path] = ()) -> None:
    """Check that PK batches can be drawn.

    Args:
        labels: (N,) identity of each image.
        identities: P.
        paths: N files for messages, since users may not know the numbers of identities.

    Raises:
        InputError: an identity has one image, or there are fewer than `identities`.
    """
    names, counts = np.unique(labels, return_counts=True)
    if len(names) < identities:
        raise InputError(
            f"{len(names)} identities are fewer than the {identities} of one batch; "
            "lower sampler.identities_per_batch"
        )
    if (counts < 2).any():
        alone = names[counts < 2][0]
        row = int(np.flatnonzero(labels == alone)[0])
        who = f"{paths[row]}: its identity" if paths else f"identity {alone}"
        raise InputError(
            f"{who} has one image; a triplet loss needs two of each: remove the identity, or set "
            "sampler.name to random"
        )


def _turns(labels: IntArray, cameras: IntArray) -> IntArray:
    """Number the images of each identity and camera, so that the cameras can take turns."""
    order = np.lexsort((cameras, labels))
    same = (np.diff(labels[order]) == 0) & (np.diff(cameras[order]) == 0)
    places = np.arange(len(labels))
    starts = np.maximum.accumulate(np.where(np.concatenate([[False], same]), 0, places))
    turns = np.empty(len(labels), np.int64)
    turns[order] = places - starts
    return turns


def _groups(rows: IntArray, size: int) -> IntArray:
    """Cut an identity's shuffled rows into groups of `size`, the last one filled from the start."""
    return np.concatenate([rows, np.resize(rows, -len(rows) % size)]).reshape(-1, size)
