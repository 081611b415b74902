"""Output folders named after the time: made, finished after a kill, deleted when old."""

from __future__ import annotations

import logging
import re
import shutil
import threading
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from reid_tracker.config.checked import shown
from reid_tracker.errors import OutputError
from reid_tracker.match.gallery.aging import Aging
from reid_tracker.run.folders import claim
from reid_tracker.sink import finish_texts
from reid_tracker.sink.files import cannot_write

logger = logging.getLogger(__name__)

_STAMP = "%Y%m%dT%H%M%SZ"
_FOLDER = re.compile(r"\d{8}T\d{6}Z(-\d+)?")
_CLOSE_S = 1.0


class DatedFolders:
    """Makes folders in a parent folder, finishes and deletes old ones; use it from one thread.

    Args:
        place: the parent folder; it is made when it is needed.
        delete_after_h: folders started longer ago are deleted, unless the clock is in doubt (see
            `Aging`); None keeps them.
        utc: seconds since 1970.
        clock: seconds on a clock that does not jump.
    """

    def __init__(
        self,
        place: Path,
        delete_after_h: float | None,
        *,
        utc: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._place, self._utc = place, utc
        self._aging = None
        if delete_after_h is not None:
            newest_s = self._newest_s()
            age_s = 3600 * delete_after_h
            self._aging = Aging(age_s, utc, clock, newest_s=newest_s, what=shown(place, str))
        self._undeletable: set[str] = set()
        self._lock = threading.Lock()
        self._finished_now: Path | None = None
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._release: Callable[[], None] = lambda: None

    def claim(self) -> None:
        """Lock the parent folder; on a full disk it may not exist yet.

        Raises:
            OutputError: another program is writing to it.
        """
        with suppress(OSError):
            self._place.mkdir(parents=True, exist_ok=True)
            self._release = claim(self._place)

    def make(self) -> Path:
        """Make a new folder named after the time.

        Raises:
            OutputError: the folder cannot be made.
        """
        stamp = datetime.fromtimestamp(self._utc(), UTC).strftime(_STAMP)
        folder, number = self._place / stamp, 1
        try:
            self._place.mkdir(parents=True, exist_ok=True)
            while not _make_new(folder):
                number += 1
                folder = self._place / f"{stamp}-{number}"
        except OSError as error:
            raise cannot_write(folder, error) from None
        return folder

    def delete_old(self, busy: Collection[Path]) -> None:
        """Delete folders that are too old; log once each folder that cannot be deleted.

        Args:
            busy: folders that are still written.
        """
        if self._aging is None:
            return
        oldest_s = self._aging.limit_s()
        for folder in self._all():
            if folder in busy:
                continue
            try:
                with self._lock:
                    if folder != self._finished_now and _began_s(folder) < oldest_s:
                        shutil.rmtree(folder)
            except (OSError, ValueError) as error:  # tried again later
                if folder.name not in self._undeletable:
                    logger.warning("%s is not deleted: %s", folder, error)
                self._undeletable.add(folder.name)

    def finish_earlier(self, busy: Collection[Path]) -> None:
        """Finish, in the background, the files of an earlier start that was killed.

        Args:
            busy: folders that are still written.
        """
        # Newest first: people look at these, and they are deleted last.
        folders = [folder for folder in reversed(self._all()) if folder not in busy]
        if folders:
            # A daemon thread, so that the program can end without it.
            self._thread = threading.Thread(
                target=self._finish, args=(folders,), name="earlier outputs", daemon=True
            )
            self._thread.start()

    def close(self) -> None:
        """Stop finishing folders; the next start finishes the rest."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(_CLOSE_S)
        self._release()

    def _all(self) -> list[Path]:
        try:
            return sorted(one for one in self._place.iterdir() if _FOLDER.fullmatch(one.name))
        except OSError:  # the folder does not exist yet, or cannot be read now
            return []

    def _newest_s(self) -> float | None:
        """Return when the newest folder was started; None if there is none."""
        began = []
        for folder in self._all():
            with suppress(ValueError):
                began.append(_began_s(folder))
        return max(began, default=None)

    def _finish(self, folders: Sequence[Path]) -> None:
        try:
            for folder in folders:
                if self._stopped.is_set():
                    return
                with self._lock:  # no deletion is in progress
                    self._finished_now = folder
                _finish_folder(folder)
        finally:
            self._finished_now = None


def _make_new(folder: Path) -> bool:
    """Make a folder; returns False if it exists."""
    try:
        folder.mkdir()
    except FileExistsError:
        return False
    return True


def _began_s(folder: Path) -> float:
    """Return when a folder was started, in seconds since 1970.

    Raises:
        ValueError: its name is not a valid time.
    """
    stamp = folder.name.partition("-")[0]
    return datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC).timestamp()


def _finish_folder(folder: Path) -> None:
    try:
        made = finish_texts(folder)
    except OutputError as error:
        logger.warning("%s", error)
        return
    if made:
        logger.info("finished %d files of an earlier start in %s", len(made), folder)
