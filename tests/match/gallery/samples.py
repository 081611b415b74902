"""Sightings for the tests of galleries."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from reid_tracker.arrays import Float32Array
from reid_tracker.match.gallery.records import SightingRecord
from reid_tracker.match.gallery.store import GalleryStore
from reid_tracker.types import Embeddings

SIZE = 16
MODEL = "5f" * 32
OTHER_MODEL = "a0" * 32


def person(number: int, size: int = SIZE) -> Float32Array:
    """The look of a person: close to one axis."""
    row = np.full(size, 0.05, np.float32)
    row[number % size] = 1
    look: Float32Array = unit(row[None])[0]
    return look


def unit(rows: npt.NDArray[Any]) -> Embeddings:
    result: Embeddings = (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)
    return result


def views(look: Float32Array, count: int, seed: int = 0, noise: float = 0.05) -> Embeddings:
    """Some embeddings near one."""
    random = np.random.default_rng(seed)
    return unit(look + noise * random.standard_normal((count, len(look))).astype(np.float32))


def sighting(id: str, identity: int = 1, camera: str = "door", **changes: Any) -> SightingRecord:
    """A sighting of a person whose looks follow from the identity; any field can be set."""
    plain = SightingRecord(
        id=id,
        identity=identity,
        camera=camera,
        site="north",
        start_s=1000.0,
        end_s=1010.0,
        embeddings=person(identity)[None],
        quality=0.5,
        model=MODEL,
    )
    return replace(plain, **changes)


def plain(record: SightingRecord) -> tuple[Any, ...]:
    """All of a sighting but its embeddings, to compare."""
    return (
        record.id,
        record.identity,
        record.camera,
        record.site,
        record.start_s,
        record.end_s,
        record.quality,
        record.model,
        record.embeddings.shape,
    )


def identities(store: GalleryStore) -> dict[str, int]:
    """Who is whom: identity by sighting."""
    return {one.id: one.identity for one in store.sightings()}
