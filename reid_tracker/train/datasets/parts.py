"""Several data sets as one: people and cameras are numbered anew, so that none are shared."""

from __future__ import annotations

from collections.abc import Sequence

from reid_tracker.train.datasets.base import PersonImages, ReidDataset


def join_datasets(parts: Sequence[ReidDataset]) -> ReidDataset:
    """Join data sets one after the other.

    An identity or camera of the result is that of its part plus an offset, so equal numbers of
    different parts become different ones. Distractors (identity 0) stay nobody's match.

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
