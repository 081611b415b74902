"""The spool: a buffer on the disk of a camera host, where messages wait for the broker.

If the spool is full or messages get too old, the oldest are dropped. Live matching needs the newest
messages, and the last message of a tracklet replaces most of the earlier ones.
"""

from __future__ import annotations

import logging
import math
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from reid_tracker.closing import Closing
from reid_tracker.errors import SpoolError
from reid_tracker.sqlite import shrink, transaction
from reid_tracker.transport.brokers.base import Outgoing
from reid_tracker.transport.sending.memory_queue import Numbered
from reid_tracker.transport.sending.spool_file import (
    DamagedSpoolError,
    FullDiskError,
    delete,
    open_spool,
    set_aside,
    spool_errors,
)

logger = logging.getLogger(__name__)

_ROW_BYTES = 64
"""Approximate size of a row without its texts."""

_SHRINK_FROM_BYTES = 4 * 2**20
_JUMP_S = 300.0
_WARN_EVERY_S = 60.0

_Row = tuple[str, str, bytes, int]
"""Id, subject, data and size of a message."""


class Spool(Closing):
    """Messages in one file; for use from any thread of one process.

    A damaged file is renamed to NAME.damaged and logged, and a new one is created. If the disk is
    full, the file is created later, when there is space for a message.

    Args:
        path: the file; its folder is created.
        max_bytes: maximum bytes of messages; the file can be about 5 MB larger.
        max_age_s: older messages are dropped.
        clock: UTC seconds since 1970.
        monotonic: seconds on a clock that does not jump. It keeps the age of messages right when
            `clock` jumps.

    Attributes:
        dropped_full: messages dropped because the spool was full.
        dropped_old: messages dropped because they were too old.
        damaged: number of damaged files that were renamed.

    Raises:
        SpoolError: the file cannot be created, is not a spool, or another process uses it.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        max_bytes: int = 256 * 2**20,
        max_age_s: float = 24 * 3600.0,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = Path(path)
        self._max_bytes = max_bytes
        self._max_age_s = max_age_s
        self._clock, self._monotonic = clock, monotonic
        self._offset_s = clock() - monotonic()
        self._lock = threading.RLock()
        self._open: sqlite3.Connection | None = None
        self._closed = False
        self._warn_old_at_s = -math.inf
        self._highest = 0  # highest message number given so far
        self._done = 0  # the broker has all messages up to this number
        self._count = 0
        self._bytes = 0
        self._largest_bytes = 0
        self.dropped_full = 0
        self.dropped_old = 0
        self.damaged = 0
        try:
            self._reopen()
        except DamagedSpoolError as error:
            self._replace_damaged(error)
        except FullDiskError:
            pass  # `put` tries again, and raises an error until there is space

    @property
    def pending(self) -> int:
        """Number of waiting messages."""
        return self._count

    @property
    def pending_bytes(self) -> int:
        """Approximate size of the waiting messages in the file, in bytes."""
        return self._bytes

    def put(self, messages: Sequence[Outgoing]) -> None:
        """Store messages; afterwards they survive the end of the process and a power cut.

        Raises:
            SpoolError: the disk is full or cannot be written; none of the messages is stored.
        """
        rows = [(one.message_id, one.subject, one.data, _size(one)) for one in messages]
        size = sum(row[3] for row in rows)
        # If the batch is larger than the whole spool, its own oldest messages are dropped, too.
        left_out = 0
        while rows and size > self._max_bytes:
            size -= rows.pop(0)[3]
            left_out += 1
        if rows:
            self._put_rows(rows, size, alone=left_out > 0)
        with self._lock:
            self.dropped_full += left_out

    def _put_rows(self, rows: list[_Row], size: int, *, alone: bool) -> None:
        with self._lock:
            try:
                self._attempt(lambda database: self._put(database, rows, size, alone=alone))
            except FullDiskError:
                if self._open is None or self._count:
                    raise
                # As in `remove`: no message waits, but the write-ahead log may fill the disk.
                self._replace_with_empty()
                self._attempt(lambda database: self._put(database, rows, size, alone=alone))

    def _put(
        self,
        database: sqlite3.Connection,
        rows: list[_Row],
        size: int,
        *,
        alone: bool,
    ) -> None:
        now_s = self._now_s(database)
        with transaction(database):
            self._delete_done(database)
            old = self._delete(database, "stored_s < ?", now_s - self._max_age_s)
            full = (0, 0)
            too_much = self._bytes - old[1] + size - self._max_bytes
            if alone or too_much > 0:
                number = self._highest if alone else _last_to_drop(database, too_much)
                full = self._delete(database, "number <= ?", number)
            database.executemany(
                "INSERT INTO messages (id, subject, data, size, stored_s) VALUES (?, ?, ?, ?, ?)",
                [(*row, now_s) for row in rows],
            )
        if full[0] and not self.dropped_full:
            logger.warning(
                "the spool %s is full (%d bytes): the oldest messages are dropped",
                self._path,
                self._max_bytes,
            )
        self._note_old(old[0])
        self.dropped_full += full[0]
        self._count += len(rows) - old[0] - full[0]
        self._bytes += size - old[1] - full[1]
        self._highest += len(rows)
        self._largest_bytes = max(self._largest_bytes, self._bytes)

    def _now_s(self, database: sqlite3.Connection) -> float:
        """Return the time; if the clock has jumped, shift the times of the messages by the jump."""
        now_s = self._clock()
        jump_s = now_s - self._monotonic() - self._offset_s
        if abs(jump_s) > _JUMP_S:
            with transaction(database):
                database.execute("UPDATE messages SET stored_s = stored_s + ?", (jump_s,))
            logger.warning(
                "the clock jumped by %.0f s; the %d messages in %s keep their age",
                jump_s,
                self._count,
                self._path,
            )
        self._offset_s += jump_s
        return now_s

    def _note_old(self, count: int) -> None:
        self.dropped_old += count
        if count and self._monotonic() >= self._warn_old_at_s:
            self._warn_old_at_s = self._monotonic() + _WARN_EVERY_S
            logger.warning(
                "dropped %d messages in the spool %s that were older than %.1f h "
                "(transport.spool_age_h)",
                count,
                self._path,
                self._max_age_s / 3600,
            )

    def first(self, count: int) -> list[Numbered]:
        """Return the oldest waiting messages, at most `count`; drop those that are too old.

        Raises:
            SpoolError: the disk cannot be read.
        """
        return self._attempt(lambda database: self._first(database, count))

    def _first(self, database: sqlite3.Connection, count: int) -> list[Numbered]:
        bound_s = self._now_s(database) - self._max_age_s
        oldest = database.execute(
            "SELECT min(number), stored_s FROM messages WHERE number > ?", (self._done,)
        ).fetchone()[1]
        if oldest is not None and oldest < bound_s:
            with transaction(database):
                gone, size = self._delete(database, "stored_s < ?", bound_s)
            self._note_old(gone)
            self._count -= gone
            self._bytes -= size
        rows = database.execute(
            "SELECT number, id, subject, data FROM messages WHERE number > ? ORDER BY number "
            "LIMIT ?",
            (self._done, count),
        )
        return [Numbered(row[0], Outgoing(*row[1:])) for row in rows]

    def remove(self, up_to: int) -> None:
        """Delete messages that the broker has.

        Args:
            up_to: number of the last of these messages.

        Raises:
            SpoolError: the disk cannot be written. `first` does not return the messages again, but
                a restarted program does.
        """
        with self._lock:
            self._attempt(lambda database: self._mark_done(database, up_to))
            try:
                self._attempt(self._remove_done)
            except SpoolError:
                if self._count:
                    raise
                # Deleting needs disk space, too; the write-ahead log may have used up the rest.
                self._replace_with_empty()

    def _mark_done(self, database: sqlite3.Connection, up_to: int) -> None:
        """Stop counting messages before deleting them, which fails on a full disk."""
        count, size = database.execute(
            "SELECT count(*), coalesce(sum(size), 0) FROM messages "
            "WHERE number > ? AND number <= ?",
            (self._done, up_to),
        ).fetchone()
        self._count -= count
        self._bytes -= size
        self._done = max(self._done, up_to)

    def _remove_done(self, database: sqlite3.Connection) -> None:
        with transaction(database):
            self._delete_done(database)
        if not self._count and self._largest_bytes > _SHRINK_FROM_BYTES:
            shrink(database)  # frees disk space after an outage
            self._largest_bytes = 0

    def _delete_done(self, database: sqlite3.Connection) -> None:
        database.execute("DELETE FROM messages WHERE number <= ?", (self._done,))

    def close(self) -> None:
        """Close the file; it keeps the waiting messages."""
        with self._lock:
            self._closed = True
            self._close_file()

    def _close_file(self) -> None:
        if self._open is not None:
            with spool_errors(self._path):
                self._open.close()
        self._open = None

    def _delete(
        self, database: sqlite3.Connection, condition: str, value: float
    ) -> tuple[int, int]:
        """Delete by a condition with one placeholder; return the count and bytes of messages."""
        chosen = f"FROM messages WHERE number > ? AND {condition}"
        count, size = database.execute(
            f"SELECT count(*), coalesce(sum(size), 0) {chosen}", (self._done, value)
        ).fetchone()
        if count:
            database.execute(f"DELETE {chosen}", (self._done, value))
        return count, size

    def _attempt(
        self, work: Callable[[sqlite3.Connection], list[Numbered] | None]
    ) -> list[Numbered]:
        """Call `work` with the file; if the file is damaged, call it again with a new one."""
        try:
            with self._use() as database:
                return work(database) or []
        except DamagedSpoolError as error:
            with self._lock:
                self._replace_damaged(error)
        with self._use() as database:
            return work(database) or []

    @contextmanager
    def _use(self) -> Iterator[sqlite3.Connection]:
        with self._lock, spool_errors(self._path):
            if self._closed:
                raise SpoolError(f"the spool {self._path} was closed")
            yield self._open or self._reopen()  # opening it failed earlier

    def _replace_damaged(self, error: DamagedSpoolError) -> None:
        self._close_file()
        aside = set_aside(self._path)
        self.damaged += 1
        logger.error(
            "%s; it was renamed to %s and replaced by a new one; its messages are not sent",
            error,
            aside.name,
        )
        self._reopen()

    def _replace_with_empty(self) -> None:
        self._close_file()
        delete(self._path)
        self._reopen()

    def _reopen(self) -> sqlite3.Connection:
        database = open_spool(self._path)
        try:
            count, size, highest = self._continue(database)
        except BaseException:
            database.close()  # it might give numbers a second time
            raise
        self._count = count
        self._bytes = size
        self._largest_bytes = size
        self._highest = max(self._highest, highest)
        self._open = database
        return database

    def _continue(self, database: sqlite3.Connection) -> tuple[int, int, int]:
        """Continue the message numbers; return count, bytes and highest number of the file."""
        with spool_errors(self._path):
            count, size, highest = database.execute(
                "SELECT count(*), coalesce(sum(size), 0), coalesce(max(number), 0) FROM messages"
            ).fetchone()
            given = database.execute("SELECT seq FROM sqlite_sequence").fetchone()
            highest = max(highest, *(given or (0,)))
            if self._highest > highest:
                # A new file continues the numbers, since `remove` may still name an old one.
                with transaction(database):
                    database.execute(
                        "INSERT INTO sqlite_sequence (name, seq) VALUES ('messages', ?)",
                        (self._highest,),
                    )
        return count, size, highest


def _last_to_drop(database: sqlite3.Connection, too_much: int) -> int:
    """Return the number of the last message to drop so that `too_much` bytes become free."""
    last = 0
    for last, size in database.execute("SELECT number, size FROM messages ORDER BY number"):  # noqa: B007
        too_much -= size
        if too_much <= 0:
            break
    return last


def _size(message: Outgoing) -> int:
    return len(message.data) + len(message.subject) + len(message.message_id) + _ROW_BYTES
