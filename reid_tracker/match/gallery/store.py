"""What a gallery store is: the questions it answers and the promises it makes.

A gallery remembers who was seen where, see `store_records`. One suite of tests holds all stores to
the same contract.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Protocol

import numpy as np

from reid_tracker.config.checked import shown
from reid_tracker.errors import InputError, ModelMismatchError
from reid_tracker.match.gallery.records import (
    ANYWHERE,
    Embedding,
    EventRecord,
    Hit,
    SightingRecord,
    StoreInfo,
    Where,
    check_unit,
)


class GalleryStore(Protocol):
    """Keeps sightings and answers who looks like whom.

    Every store keeps these promises:

    * What `write` returned from is on the disk, whole; what it raised from is not there at all, or,
      where the connection broke during the last step, whole.
    * Only one model's embeddings are in a store. It is the first one written, until the store is
      emptied; any other is refused.
    * An identity's number is never given out twice, not even after it was forgotten.
    * Embeddings are kept in float16, which moves a cosine by less than 1e-3.

    All methods may be called from several threads. They raise `StoreUnavailableError` where the
    same call may succeed later (the database is away, the disk is full), and `StoreError` where it
    will not (the file is damaged).
    """

    def reserve_identities(self, count: int) -> range:
        """Give out `count` numbers that no identity ever had and none will get again."""

    def write(
        self,
        sightings: Sequence[SightingRecord] = (),
        events: Sequence[EventRecord] = (),
        crops: Mapping[str, bytes] | None = None,
    ) -> None:
        """Record all of these or none: first the sightings, then the events, in their order.

        Args:
            sightings: new ones, and ones that replace what has their id.
            events: those known already are skipped.
            crops: encoded pictures by the id of their sighting.

        Raises:
            ModelMismatchError: an embedding is of another model than those in the store.
            InputError: a crop belongs to no sighting.
        """

    def nearest(
        self,
        query: Embedding,
        *,
        model: str,
        k: int = 10,
        where: Where = ANYWHERE,
        one_per_identity: bool = False,
    ) -> list[Hit]:
        """Find the sightings that look most like a query, best first.

        Args:
            query: (D,) unit embedding.
            model: hash of the weights that made it.
            k: most hits.
            where: which sightings to compare.
            one_per_identity: only the best sighting of each identity, and none of identity 0.

        Raises:
            ModelMismatchError: the query is of another model than the store.
        """

    def sightings(
        self, where: Where = ANYWHERE, *, limit: int | None = None
    ) -> list[SightingRecord]:
        """Return sightings in the order of their start: the timeline of an identity, or of all."""

    def pages(self, rows: int = 1000) -> Iterator[list[SightingRecord]]:
        """Yield all sightings in a fixed order, at most `rows` at a time."""

    def events(self, identity: int | None = None) -> list[EventRecord]:
        """Return events in the order written; of one identity, also those that it came from."""

    def crops(self, ids: Sequence[str]) -> dict[str, bytes]:
        """Return the encoded pictures of sightings, by their id; most have none."""

    def forget(self, identity: int) -> int:
        """Delete all sightings, crops and events of a person.

        Returns:
            The number of sightings deleted.
        """

    def purge(self, stored_before_s: float = math.inf) -> int:
        """Delete what was written before a time (UTC seconds since 1970), or everything.

        Age counts from when a record was written, not from when the person was seen: retention
        limits how long data is held, and old footage analysed today must not vanish at once.

        Returns:
            The number of sightings deleted.
        """

    def count(self) -> int:
        """Return the number of sightings for little effort: of millions, a recent estimate."""

    def info(self) -> StoreInfo:
        """Count what is there."""

    def close(self) -> None:
        """Release the store; nothing else may be called after it."""

    def __enter__(self) -> GalleryStore: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


def check_query(query: Any, k: int) -> Embedding:
    """Return a query as (D,) float32 of length 1.

    Raises:
        InputError: it is none, or k is not positive.
    """
    row = np.asarray(query, np.float32)
    if row.ndim != 1 or len(row) == 0:
        raise InputError(f"query of shape {row.shape}, expected one embedding, (D,)")
    if k < 1:
        raise InputError(f"k = {k}: expected at least 1")
    check_unit("query", row[None])
    return row


def check_model(place: str, known: tuple[str, int] | None, model: str, size: int) -> None:
    """Refuse an embedding of another model than those in a store.

    Args:
        place: the store, for the message.
        known: model hash and embedding size of the store; None if it is empty.
        model: hash of the embedding's model.
        size: D of the embedding.

    Raises:
        ModelMismatchError: model or size differ.
    """
    if known is not None and (model, size) != known:
        raise ModelMismatchError(
            f"{place} holds embeddings of model {shown(known[0][:16], str)} with {known[1]} "
            f"numbers, not of {shown(model[:16], str)} with {size}; take the same encoder, or "
            "another gallery for this one"
        )
