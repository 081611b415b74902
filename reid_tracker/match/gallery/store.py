"""The interface of a gallery store and its guarantees.

A gallery remembers who was seen where, see `records`. One test suite, the contract, runs on all
stores.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Protocol

import numpy as np

from reid_tracker.arrays import Float32Array
from reid_tracker.config.checked import shown
from reid_tracker.errors import InputError, ModelMismatchError
from reid_tracker.match.gallery.records import (
    ANYWHERE,
    EventRecord,
    Hit,
    SightingRecord,
    StoreInfo,
    Where,
    check_unit,
)
from reid_tracker.zoo.spaces import space_of


class GalleryStore(Protocol):
    """Stores sightings of people and finds similar ones.

    Every store guarantees:

    * After `write` returns, the whole batch is on the disk. If it raises, nothing of the batch is
      stored, or all of it if the connection broke during the last step.
    * A store holds the embeddings of only one model: the first one written. It refuses others until
      it has been emptied.
    * The number of an identity is never given out twice, even after the person was forgotten.
    * Embeddings are stored in float16, which changes a cosine by less than 1e-3.

    All methods may be called from several threads. They raise `StoreUnavailableError` if the same
    call may succeed later (the database is not available, the disk is full), and `StoreError` if it
    will not (the file is damaged).
    """

    def reserve_identities(self, count: int) -> range:
        """Return `count` numbers that no identity has had and none will get again."""

    def write(
        self,
        sightings: Sequence[SightingRecord] = (),
        events: Sequence[EventRecord] = (),
        crops: Mapping[str, bytes] | None = None,
    ) -> None:
        """Store all of these or none: first the sightings, then the events in their order.

        Args:
            sightings: new ones, or replacements of those with the same id.
            events: known ones are skipped.
            crops: encoded pictures, by the id of their sighting. Those that claim too many pixels
                are left out, with a warning.

        Raises:
            ModelMismatchError: an embedding was made by another model than those in the store.
            InputError: a crop belongs to no sighting.
        """

    def nearest(
        self,
        query: Float32Array,
        *,
        model: str,
        k: int = 10,
        where: Where = ANYWHERE,
        one_per_identity: bool = False,
    ) -> list[Hit]:
        """Return the sightings most similar to a query, best first.

        Args:
            query: (D,) unit embedding.
            model: its space, as in `SightingRecord`.
            k: maximum number of hits.
            where: filter of sightings.
            one_per_identity: only the best sighting of each identity, and none of identity 0.

        Raises:
            ModelMismatchError: the query was made by another model than the store's embeddings.
        """

    def sightings(
        self, where: Where = ANYWHERE, *, limit: int | None = None
    ) -> list[SightingRecord]:
        """Return sightings by start time: the timeline of one identity or of all."""

    def pages(self, rows: int = 1000) -> Iterator[list[SightingRecord]]:
        """Yield all sightings in a fixed order, at most `rows` at a time."""

    def events(self, identity: int | None = None) -> list[EventRecord]:
        """Return events in the order written; of one identity, with those merged into it."""

    def crops(self, ids: Sequence[str]) -> dict[str, bytes]:
        """Return the encoded pictures of sightings by id; sightings without one are left out."""

    def forget(self, identity: int) -> int:
        """Delete all sightings, crops and events of a person.

        Returns:
            The number of sightings deleted.
        """

    def purge(self, stored_before_s: float = math.inf) -> int:
        """Delete what was written before a time (UTC seconds since 1970), or everything.

        The time of writing counts, not the time of the sighting: retention limits how long data is
        kept, and old footage that is analysed today must not vanish at once.

        Returns:
            The number of sightings deleted.
        """

    def count(self) -> int:
        """Return the number of sightings quickly; for millions, a recent estimate."""

    def info(self) -> StoreInfo:
        """Return the content of the store in numbers."""

    def close(self) -> None:
        """Close the store; no other method may be called afterwards."""

    def __enter__(self) -> GalleryStore: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


def check_query(query: Any, k: int) -> Float32Array:
    """Return a query as (D,) float32 of length 1.

    Raises:
        InputError: it is not an embedding, or k is not positive.
    """
    row = np.asarray(query, np.float32)
    if row.ndim != 1 or len(row) == 0:
        raise InputError(f"query of shape {row.shape}, expected one embedding, (D,)")
    if k < 1:
        raise InputError(f"k = {k}: expected at least 1")
    check_unit("query", row[None])
    return row


def check_model(place: str, known: tuple[str, int] | None, model: str, size: int) -> None:
    """Refuse an embedding of another model than the store's.

    `known` is the store's model and embedding size, None if it is empty; `place` its name.

    Raises:
        ModelMismatchError: model or size differ.
    """
    model = space_of(model)
    if known is not None and (model, size) != known:
        raise ModelMismatchError(
            f"{place} holds embeddings of model {shown(known[0][:24], str)} with {known[1]} "
            f"numbers, not of {shown(model[:24], str)} with {size}; use the same encoder, or "
            "another gallery"
        )


def check_gallery(store: GalleryStore, model: str) -> int:
    """Refuse a gallery of another encoder; returns the size of its embeddings, 0 if it has none.

    Raises:
        ModelMismatchError: the gallery holds embeddings of another encoder.
    """
    info = store.info()
    if info.model is None or info.embedding_size is None:
        return 0
    known = info.model, info.embedding_size
    check_model(info.place, known, model, info.embedding_size)
    return info.embedding_size
