"""The disk buffer of a camera host: messages wait here until a broker has them.

When it is full, or messages get too old, the oldest are dropped: live matching needs the newest
messages, and the last message of a tracklet repeats what its earlier ones said.
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
from typing import NamedTuple

from reid_tracker.closing import Closing
from reid_tracker.errors import SpoolError
from reid_tracker.sqlite import shrink, transaction
from reid_tracker.transport.brokers.base import Outgoing
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

_SHRINK_FROM = 4 * 2**20
_JUMP_S = 300.0
_WARN_EVERY_S = 60.0


class Waiting(NamedTuple):
    """A message in the spool.

    Attributes:
        number: rising in the order in which messages came.
        message: what is to be published.
    """

    number: int
    message: Outgoing


_Row = tuple[str, str, bytes, int]
"""Id, subject, data and size of a message."""


class Spool(Closing):
    """Messages in one file; for use from any thread of one process.

    A damaged file is renamed to NAME.damaged, with one line in the log, and a new one is created.
    On a full disk the file is opened later, with the first message for which there is space.

    Args:
        path: the file; its folder is created.
        most_bytes: most bytes of messages; the file can be about 5 MB larger.
        most_age_s: messages stored longer ago are dropped.
        clock: UTC seconds since 1970.
        monotonic: seconds on a clock that does not jump. Where the other clock jumps, messages keep
            their age.

    Attributes:
        dropped_full: messages dropped because the spool was full.
        dropped_old: messages dropped because they were too old.
        damaged: damaged files renamed.

    Raises:
        SpoolError: the file cannot be created, is of another kind, or in use by another process.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        most_bytes: int = 256 * 2**20,
        most_age_s: float = 24 * 3600.0,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = Path(path)
        self._most_bytes = most_bytes
        self._most_age_s = most_age_s
        self._clock, self._monotonic = clock, monotonic
        self._offset_s = clock() - monotonic()
        self._lock = threading.RLock()
        self._open: sqlite3.Connection | None = None
        self._closed = False
        self._warn_old_at_s = -math.inf
        self._highest = 0  # number given so far
        self._done = 0  # number up to which a broker has all messages
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
            pass  # opened with the first message for which there is space; until then `put` raises

    @property
    def pending(self) -> int:
        """Number of messages that wait."""
        return self._count

    @property
    def pending_bytes(self) -> int:
        """Their size in the file in bytes, approximately."""
        return self._bytes

    def put(self, messages: Sequence[Outgoing]) -> None:
        """Store messages; once this returns they survive the end of the process and a power cut.

        Raises:
            SpoolError: the disk is full, or cannot be written; none of them is stored.
        """
        rows = [(one.message_id, one.subject, one.data, _size(one)) for one in messages]
        size = sum(row[3] for row in rows)
        # A batch larger than the whole spool loses its own oldest messages, too.
        left_out = 0
        while rows and size > self._most_bytes:
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
                # As in `remove`: nothing waits, but the log of earlier messages may fill the disk.
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
            old = self._delete(database, "stored_s < ?", now_s - self._most_age_s)
            full = (0, 0)
            too_much = self._bytes - old[1] + size - self._most_bytes
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
                self._most_bytes,
            )
        self._note_old(old[0])
        self.dropped_full += full[0]
        self._count += len(rows) - old[0] - full[0]
        self._bytes += size - old[1] - full[1]
        self._highest += len(rows)
        self._largest_bytes = max(self._largest_bytes, self._bytes)

    def _now_s(self, database: sqlite3.Connection) -> float:
        """Return the time; after a jump of the clock, move the times of the messages with it."""
        now_s = self._clock()
        jump_s = now_s - self._monotonic() - self._offset_s
        if abs(jump_s) > _JUMP_S:
            with transaction(database):
                database.execute("UPDATE messages SET stored_s = stored_s + ?", (jump_s,))
            logger.warning(
                "the clock jumped by %.0f s: the %d messages in %s keep their age",
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
                "%d messages in the spool %s were older than %.1f h and are dropped "
                "(transport.spool_age_h)",
                count,
                self._path,
                self._most_age_s / 3600,
            )

    def first(self, count: int) -> list[Waiting]:
        """Return the oldest messages that wait, at most `count`, and drop those that are too old.

        Raises:
            SpoolError: the disk cannot be read.
        """
        return self._attempt(lambda database: self._first(database, count))

    def _first(self, database: sqlite3.Connection, count: int) -> list[Waiting]:
        bound_s = self._now_s(database) - self._most_age_s
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
        return [Waiting(row[0], Outgoing(*row[1:])) for row in rows]

    def remove(self, up_to: int) -> None:
        """Forget messages that a broker has; `first` never returns them again, even if this raises.

        Args:
            up_to: number of the last of them.

        Raises:
            SpoolError: the disk cannot be written; after a restart they are there again.
        """
        with self._lock:
            self._attempt(lambda database: self._mark_done(database, up_to))
            try:
                self._attempt(self._remove_done)
            except SpoolError:
                if self._count:
                    raise
                # Deleting needs disk space, too, and the log may have taken the last of it.
                self._replace_with_empty()

    def _mark_done(self, database: sqlite3.Connection, up_to: int) -> None:
        """Count messages as gone before they are deleted, which a full disk may prevent."""
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
        if not self._count and self._largest_bytes > _SHRINK_FROM:
            shrink(database)  # gives the disk back after an outage
            self._largest_bytes = 0

    def _delete_done(self, database: sqlite3.Connection) -> None:
        database.execute("DELETE FROM messages WHERE number <= ?", (self._done,))

    def close(self) -> None:
        """Close the file; what waits is there when it is opened again."""
        with self._lock:
            self._closed = True
            self._let_go()

    def _let_go(self) -> None:
        if self._open is not None:
            with spool_errors(self._path):
                self._open.close()
        self._open = None

    def _delete(
        self, database: sqlite3.Connection, condition: str, value: float
    ) -> tuple[int, int]:
        """Delete on a condition with one placeholder; return the number of messages and bytes."""
        chosen = f"FROM messages WHERE number > ? AND {condition}"
        count, size = database.execute(
            f"SELECT count(*), coalesce(sum(size), 0) {chosen}", (self._done, value)
        ).fetchone()
        if count:
            database.execute(f"DELETE {chosen}", (self._done, value))
        return count, size

    def _attempt(self, work: Callable[[sqlite3.Connection], list[Waiting] | None]) -> list[Waiting]:
        """Do something with the file; if it turns out to be damaged, do it with a new one."""
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
            yield self._open or self._reopen()  # an earlier attempt to open it has failed

    def _replace_damaged(self, error: DamagedSpoolError) -> None:
        self._let_go()
        aside = set_aside(self._path)
        self.damaged += 1
        logger.error(
            "%s; it was renamed to %s, and its messages are not sent; a new one is created",
            error,
            aside.name,
        )
        self._reopen()

    def _replace_with_empty(self) -> None:
        self._let_go()
        delete(self._path)
        self._reopen()

    def _reopen(self) -> sqlite3.Connection:
        database = open_spool(self._path)
        try:
            count, size, highest = self._continue(database)
        except BaseException:
            database.close()  # incomplete, it would give numbers a second time
            raise
        self._count = count
        self._bytes = size
        self._largest_bytes = size
        self._highest = max(self._highest, highest)
        self._open = database
        return database

    def _continue(self, database: sqlite3.Connection) -> tuple[int, int, int]:
        """Continue the numbers in a file; return its count, its bytes and the highest number."""
        with spool_errors(self._path):
            count, size, highest = database.execute(
                "SELECT count(*), coalesce(sum(size), 0), coalesce(max(number), 0) FROM messages"
            ).fetchone()
            given = database.execute("SELECT seq FROM sqlite_sequence").fetchone()
            highest = max(highest, *(given or (0,)))
            if self._highest > highest:
                # A new file continues the numbers: `remove` may still come for the old one.
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
