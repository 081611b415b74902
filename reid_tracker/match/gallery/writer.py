"""Writes to a gallery in the background; what cannot be written now is kept and written later.

Tracking never waits for a disk or a database. While the store is unavailable, records wait in
memory, up to a limit.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from reid_tracker.closing import Closing
from reid_tracker.errors import StoreUnavailableError
from reid_tracker.match.gallery.aging import Aging
from reid_tracker.match.gallery.records import EventRecord, SightingRecord
from reid_tracker.match.gallery.store import GalleryStore

logger = logging.getLogger(__name__)

_FIRST_WAIT_S = 0.5
_MAX_WAIT_S = 15.0
_MAX_RECORDS = 500
"""Records in a transaction: enough to make the time for flushing the disk negligible."""

_PURGE_EVERY_S = 60.0


class _Batch(NamedTuple):
    sightings: list[SightingRecord]
    events: list[EventRecord]
    crops: dict[str, bytes]

    @property
    def records(self) -> int:
        return len(self.sightings) + len(self.events)


class GalleryWriter(Closing):
    """A queue in front of a gallery store, which a separate thread empties.

    A record that `pending` no longer counts is stored, with the guarantees of the store's `write`.

    Args:
        store: is not closed here.
        capacity: maximum number of sightings and events that wait; above it, the oldest are dropped
            and counted.
        aging: says what is too old, and deleted about once a minute; None keeps all.
        first_wait_s: pause after a failed attempt, which doubles up to 15 seconds.

    Attributes:
        dropped: number of records dropped.
        pending: number of sightings and events that are not in the store yet.
        away: why the store is unavailable; empty if it is not.
    """

    def __init__(
        self,
        store: GalleryStore,
        *,
        capacity: int = 20_000,
        aging: Aging | None = None,
        first_wait_s: float = _FIRST_WAIT_S,
    ) -> None:
        self._store = store
        self._capacity = capacity
        self._aging = aging
        self._first_wait_s = first_wait_s
        self._next_purge = time.monotonic()
        self._waiting: deque[_Batch] = deque()
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._failure: BaseException | None = None
        self.away = ""
        self.pending = 0
        self._in_flight = 0
        self.dropped = 0
        self._thread = threading.Thread(target=self._run, name="gallery-writer", daemon=True)
        self._thread.start()

    def put(
        self,
        sightings: Sequence[SightingRecord] = (),
        events: Sequence[EventRecord] = (),
        crops: Mapping[str, bytes] | None = None,
    ) -> None:
        """Queue a batch for the store's `write` and return at once.

        Raises:
            ReidTrackerError: an earlier batch failed permanently; nothing is written any more.
        """
        batch = _Batch(list(sightings), list(events), dict(crops or {}))
        with self._changed:
            self._raise_failure()
            self._waiting.append(batch)
            self.pending += batch.records
            self._drop_excess()
            self._changed.notify_all()

    def flush(self, timeout_s: float = 10.0) -> bool:
        """Wait until everything is written; False if that takes longer.

        Raises:
            ReidTrackerError: as in `put`.
        """
        with self._changed:
            done = self._changed.wait_for(
                lambda: not self._waiting or self._failure is not None, timeout_s
            )
            self._raise_failure()
        return done

    def close(self, timeout_s: float = 10.0) -> None:
        """Write what waits and end the thread.

        Raises:
            StoreUnavailableError: the store is still unavailable; the message says how many records
                are lost.
            ReidTrackerError: as in `put`.
        """
        self._stop.set()
        with self._changed:
            self._changed.notify_all()
        self._thread.join(timeout_s)
        if self.dropped:
            logger.warning(
                "%d records were dropped while the gallery was unavailable "
                "(gallery.max_waiting = %d)",
                self.dropped,
                self._capacity,
            )
        with self._changed:
            self._raise_failure()
        if lost := self.pending:
            raise StoreUnavailableError(f"{lost} records could not be stored: {self.away}")

    def _drop_excess(self) -> None:
        before = self.dropped
        # Neither what the thread is writing now nor the newest batch is dropped.
        while len(self._waiting) > self._in_flight + 1 and self.pending > self._capacity:
            batch = self._waiting[self._in_flight]
            del self._waiting[self._in_flight]
            self.pending -= batch.records
            self.dropped += batch.records
        if self.dropped and not before:
            logger.warning(
                "more than %d records wait for the gallery: the oldest are dropped", self._capacity
            )

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        wait_s = self._first_wait_s
        try:
            while self._wait_for_work():
                if self._attempt():
                    wait_s = self._first_wait_s
                elif self._stop.wait(wait_s):
                    self._attempt()  # for the last time
                    return
                else:
                    wait_s = min(2 * wait_s, _MAX_WAIT_S)
        except BaseException as error:  # a value that the caller's next call raises
            with self._changed:
                self._failure = error
                self._changed.notify_all()

    def _wait_for_work(self) -> bool:
        """Wait for a batch or for the next purge; False if the thread must end."""
        with self._changed:
            while not self._waiting and not self._stop.is_set():
                if self._purge_in_s() <= 0:
                    return True
                self._changed.wait(min(self._purge_in_s(), _PURGE_EVERY_S))
            return bool(self._waiting)

    def _purge_in_s(self) -> float:
        return _PURGE_EVERY_S if self._aging is None else self._next_purge - time.monotonic()

    def _attempt(self) -> bool:
        """Write the next batches, and purge if it is time; False if the store is unavailable."""
        try:
            self._write_next()
            if self._aging is not None and self._purge_in_s() <= 0:
                self._store.purge(self._aging.limit_s())
                self._next_purge = time.monotonic() + _PURGE_EVERY_S
        except StoreUnavailableError as error:
            if not self.away:
                logger.warning("%s; tracking continues, records are kept and stored later", error)
            self.away = str(error)
            return False
        if self.away:
            logger.warning("the gallery is back; %d records wait for it", self.pending)
        self.away = ""
        return True

    def _write_next(self) -> None:
        with self._changed:
            batches = self._next_batches()
            self._in_flight = len(batches)
        written = False
        try:
            if batches:
                self._store.write(
                    [one for batch in batches for one in batch.sightings],
                    [one for batch in batches for one in batch.events],
                    {name: picture for batch in batches for name, picture in batch.crops.items()},
                )
            written = True
        finally:
            with self._changed:
                self._in_flight = 0
                for batch in batches if written else []:
                    self._waiting.popleft()
                    self.pending -= batch.records
                self._changed.notify_all()

    def _next_batches(self) -> list[_Batch]:
        """Return the first batches that can share a transaction.

        Only the last one may have events, because a store writes sightings before events.
        """
        batches: list[_Batch] = []
        records = 0
        for batch in self._waiting:
            if batches and records + batch.records > _MAX_RECORDS:
                break
            batches.append(batch)
            records += batch.records
            if batch.events:
                break
        return batches
