"""Keeps an index of a database's vectors in this process, in a thread with its own connection.

A row in one of pgvector's indexes costs many times as much to write as the row itself. So the
database only stores and compares. A process that asks much reads all vectors once, and then about
every second what has changed.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import numpy as np

from reid_tracker.arrays import Float32Array, IntArray
from reid_tracker.errors import StoreError, StoreUnavailableError
from reid_tracker.match.gallery.vector_index import (
    TRAINING_ROWS_A_LIST,
    VectorIndex,
    is_available,
    lists_for,
)

if TYPE_CHECKING:
    from psycopg import Connection

logger = logging.getLogger(__name__)

_ROWS_AT_ONCE = 256
_EVERY_S = 1.0
_RETRY_S = 5.0
_CLOSING_S = 5.0
_RETRAINED = 4

_LONGEST_WRITE_S = 10.0
"""A change may become visible so much later than one with a larger number."""

_CHECKED_EVERY_S = 600.0
"""Deletions of other processes are removed from the index at these times. No search finds them
earlier, because the database compares."""

_SIZE = "SELECT count(*), coalesce(max(change), 0) FROM sightings"
_SAMPLE = "SELECT embedding FROM vectors TABLESAMPLE SYSTEM (%s) LIMIT %s"
_NEXT = "SELECT number FROM sightings WHERE number > %s ORDER BY number LIMIT %s"
_ALL = "SELECT number FROM sightings"
_CHANGED = "SELECT number, change FROM sightings WHERE change > %s ORDER BY change"
_VECTORS = "SELECT sighting, embedding FROM vectors WHERE sighting = ANY(%s)"


class Mirror:
    """The index of a gallery in PostgreSQL.

    Args:
        connected: gives the thread a connection.
        indexed_from: number of sightings from which there is an index.
    """

    def __init__(
        self, connected: Callable[[], AbstractContextManager[Connection[Any]]], indexed_from: int
    ) -> None:
        self._connected = connected
        self._indexed_from = indexed_from
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._complete = threading.Event()
        self._thread: threading.Thread | None = None
        self._index: VectorIndex | None = None
        # Changes up to the floor are in the index, and those seen after it.
        self._floor = 0
        self._seen: dict[int, int] = {}
        self._highest: deque[tuple[float, int]] = deque()
        self._check_s = 0.0

    def start(self, sightings: int) -> None:
        """Start the thread if it does not run and the gallery is large enough."""
        if self._thread is not None or sightings < self._indexed_from:
            return
        if not is_available():
            self._indexed_from = 2**62  # not again
            logger.warning(
                "the gallery holds about %d sightings, and each search compares all of them; "
                "pip install 'reid-tracker[index]' makes searches fast",
                sightings,
            )
            return
        self._thread = threading.Thread(target=self._work, name="gallery-mirror", daemon=True)
        self._thread.start()

    def candidates(self, query: Float32Array, count: int, effort: int) -> IntArray | None:
        """Return the numbers of likely nearest sightings; None if there is no index yet."""
        if not self._complete.is_set():
            return None
        with self._lock:
            if self._index is None or self._index.size != len(query):
                return None
            return self._index.candidates(query, count, effort)

    def remove(self, numbers: IntArray) -> None:
        """Remove deleted sightings from the index."""
        with self._lock:
            if self._index is not None:
                self._index.remove(np.sort(numbers))

    def clear(self) -> None:
        """Remove everything; the thread makes a new index."""
        self._complete.clear()
        with self._lock:
            self._index = None
        self._check_s = 0.0

    def wait(self, timeout_s: float) -> bool:
        """Wait until there is a complete index; False if that takes longer."""
        return self._complete.wait(timeout_s)

    def close(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(_CLOSING_S)  # a frozen server must not keep the program

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                with self._connected() as connection:
                    while not self._stop.is_set():
                        self._follow(connection)
                        self._stop.wait(_EVERY_S)
            except StoreUnavailableError:
                self._stop.wait(_RETRY_S)
            except (StoreError, MemoryError, RuntimeError) as error:  # faiss: RuntimeError
                logger.warning("the index of the gallery failed: %s; searches compare all", error)
                self._complete.clear()
                return

    def _follow(self, connection: Connection[Any]) -> None:
        """Bring the index up to date."""
        if time.monotonic() >= self._check_s:
            sightings, change = connection.execute(_SIZE).fetchone() or (0, 0)
            if self._index is None or sightings >= _RETRAINED * self._index.rows:
                self._build(connection, sightings, change)
            self._remove_deleted(connection)
            self._check_s = time.monotonic() + _CHECKED_EVERY_S
        if self._index is not None:
            self._take_changes(connection, self._index)
            self._complete.set()

    def _build(self, connection: Connection[Any], sightings: int, change: int) -> None:
        """Make a new index of everything."""
        wanted = TRAINING_ROWS_A_LIST * lists_for(sightings)
        # A page of the table may hold few or many rows: more are asked for than are wanted.
        share = min(300.0 * wanted / max(sightings, 1), 100.0)
        with connection.cursor(binary=True) as cursor:
            sample = _stacked(cursor.execute(_SAMPLE, (share, wanted)).fetchall())
        if len(sample) < lists_for(sightings):
            return  # deleted in the meantime
        index = VectorIndex(sample, sightings)
        last = 0
        while not self._stop.is_set():
            rows = connection.execute(_NEXT, (last, _ROWS_AT_ONCE)).fetchall()
            if not rows:
                break
            last = rows[-1][0]
            self._add(connection, index, [number for (number,) in rows])
        with self._lock:
            self._index = index
        # What has changed since is taken again.
        self._floor, self._seen = change, {}
        self._highest.clear()

    def _take_changes(self, connection: Connection[Any], index: VectorIndex) -> None:
        now_s = time.monotonic()
        rows = connection.execute(_CHANGED, (self._floor,)).fetchall()
        new = [number for number, change in rows if self._seen.get(number) != change]
        for start in range(0, len(new), _ROWS_AT_ONCE):
            if self._stop.is_set():
                return
            part = new[start : start + _ROWS_AT_ONCE]
            with self._lock:
                index.remove(np.sort(np.array(part, np.int64)))
            self._add(connection, index, part)
        self._seen = dict(rows)
        if rows:
            self._highest.append((now_s, rows[-1][1]))
        while self._highest and self._highest[0][0] < now_s - _LONGEST_WRITE_S:
            self._floor = max(self._floor, self._highest.popleft()[1])

    def _add(self, connection: Connection[Any], index: VectorIndex, numbers: list[int]) -> None:
        with connection.cursor(binary=True) as cursor:  # many times as fast to read as text
            found = cursor.execute(_VECTORS, (numbers,)).fetchall()
        if found:
            owners = np.array([number for number, _ in found], np.int64)
            vectors = _stacked([row[1:] for row in found])
            if vectors.shape[1] != index.size:  # emptied, and filled by another encoder
                self.clear()
                return
            with self._lock:
                index.add(owners, vectors, max(index.covered, *numbers))

    def _remove_deleted(self, connection: Connection[Any]) -> None:
        if self._index is None:
            return
        present = np.array([number for (number,) in connection.execute(_ALL)], np.int64)
        with self._lock:
            gone = np.setdiff1d(self._index.numbers(), present)
        # Few at a time, so that searches go on.
        for start in range(0, len(gone), _ROWS_AT_ONCE * 16):
            self.remove(gone[start : start + _ROWS_AT_ONCE * 16])


def _stacked(rows: list[Any]) -> Float32Array:
    """Return the (N, D) vectors of rows with one halfvec each."""
    if not rows:
        return np.empty((0, 1), np.float32)
    return np.stack([vector.to_numpy() for (vector,) in rows]).astype(np.float32)
