"""Holds people out for validation, and joins data sets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reid_tracker.errors import ConfigError
from reid_tracker.train.datasets.base import PersonImages, ReidDataset


def hold_out(train: PersonImages, identities: int, seed: int) -> ReidDataset:
    """Split a training set by identity.

    Args:
        train: the images.
        identities: number of identities to hold out, out of those seen by several cameras.
        seed: decides who is held out.

    Returns:
        The remaining training images, and the query and gallery of the held-out identities: the
        images of an identity's first camera are queries, those of its other cameras the gallery.

    Raises:
        ConfigError: there are not enough identities.
    """
    names, rows = np.unique(train.identities, return_inverse=True)
    first_camera = np.full(len(names), np.iinfo(np.int64).max)
    np.minimum.at(first_camera, rows, train.cameras)
    last_camera = np.full(len(names), np.iinfo(np.int64).min)
    np.maximum.at(last_camera, rows, train.cameras)
    candidates = np.nonzero(last_camera > first_camera)[0]
    if identities > len(candidates) or identities > len(names) - 2:
        raise ConfigError(
            f"data.holdout_identities = {identities}: only {len(candidates)} of {len(names)} "
            "identities were seen by two cameras, and two must remain for training"
        )
    kept_back = np.random.default_rng(seed).permutation(candidates)[:identities]
    held = np.isin(rows, kept_back)
    first = train.cameras == first_camera[rows]
    return ReidDataset(train[~held], train[held & first], train[held & ~first])


def join_datasets(parts: Sequence[ReidDataset]) -> ReidDataset:
    """Join data sets one after the other.

    Identities and cameras of each part get an offset, so that numbers of different parts stay
    distinct. Distractors (identity 0) still match no query.

    Args:
        parts: at least one.
    """
    identities = cameras = 0
    moved = []
    for part in parts:
        splits = (part.train, part.query, part.gallery)
        moved.append([_moved(images, identities, cameras) for images in splits])
        identities += 1 + max(int(images.identities.max(initial=0)) for images in splits)
        cameras += 1 + max(int(images.cameras.max(initial=0)) for images in splits)
    train, query, gallery = (_concatenated(split) for split in zip(*moved, strict=True))
    return ReidDataset(train, query, gallery)


def _moved(images: PersonImages, identities: int, cameras: int) -> PersonImages:
    numbers = images.identities + identities * (images.identities > 0)
    return PersonImages(images.paths, numbers, images.cameras + cameras)


def _concatenated(parts: Sequence[PersonImages]) -> PersonImages:
    return PersonImages.from_rows(
        row
        for part in parts
        for row in zip(part.paths, part.identities.tolist(), part.cameras.tolist(), strict=True)
    )
