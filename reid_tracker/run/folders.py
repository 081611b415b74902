"""Folders of files, named after the time: made, finished after a kill, deleted when old."""

from __future__ import annotations

import logging
import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from reid_tracker.errors import OutputError
from reid_tracker.sink import finish_texts
from reid_tracker.sink.files import cannot_write

logger = logging.getLogger(__name__)

_STAMP = "%Y%m%dT%H%M%SZ"
_FOLDER = re.compile(r"\d{8}T\d{6}Z(-\d+)?")
_CLOSE_S = 1.0
_RUNS = Path("runs")


@contextmanager
def result_folder(output: str | Path | None, name: str) -> Iterator[Path]:
    """Make the folder for the results of a run, and keep other runs out of it meanwhile.

    A start that is refused leaves no empty folder behind.

    Args:
        output: what the user asked for; None takes a new folder below runs/.
        name: name of that new folder; it gets a number where the name is taken.

    Raises:
        OutputError: the folder cannot be made, or another run is writing to it.
    """
    if output is None:
        folder, number = _RUNS / name, 1
        while folder.is_dir() and any(folder.iterdir()):
            number += 1
            folder = _RUNS / f"{name}-{number}"
    else:
        folder = Path(output)
    with no_empty_folder(folder):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"cannot make the output folder {folder}: {error.strerror}; choose one with "
                "--output"
            ) from None
        release = claim(folder)
        try:
            yield folder
        finally:
            release()


@contextmanager
def no_empty_folder(folder: Path) -> Iterator[None]:
    """Remove folders, this one and those it is in, that are made meanwhile and stay empty."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        yield
    finally:
        for path in missing:
            with suppress(OSError):
                path.rmdir()


def claim(folder: Path) -> Callable[[], None]:
    """Keep other runs out of a folder until the function that this returns is called.

    Raises:
        OutputError: another run is writing to it.
    """
    try:
        import fcntl  # not on Windows
    except ImportError:
        return lambda: None
    try:
        number = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise cannot_write(folder, error) from None
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(number)
        raise OutputError(
            f"another run is writing to {folder}: wait for its end, or choose another folder "
            "with --output"
        ) from None
    except OSError:  # a file system without locks
        pass
    return partial(os.close, number)


class OutputFolders:
    """Makes folders in a place, and finishes and deletes old ones; use it from one thread.

    Args:
        place: where they are; it is made when it is needed.
        delete_after_h: folders started longer ago are deleted; None keeps them.
        utc: seconds since 1970.
    """

    def __init__(
        self, place: Path, delete_after_h: float | None, *, utc: Callable[[], float] = time.time
    ) -> None:
        self._place, self._delete_after_h, self._utc = place, delete_after_h, utc
        self._undeletable: set[str] = set()
        self._lock = threading.Lock()
        self._finished_now: Path | None = None
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._release: Callable[[], None] = lambda: None

    def claim(self) -> None:
        """Keep others out of the place, which may have no room to be made yet.

        Raises:
            OutputError: another program is writing to it.
        """
        with suppress(OSError):
            self._place.mkdir(parents=True, exist_ok=True)
            self._release = claim(self._place)

    def make(self) -> Path:
        """Make a new folder named after the time.

        Raises:
            OutputError: it cannot be made.
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
        """Delete folders that are too old; one that cannot be deleted is logged once.

        Args:
            busy: folders that are still written.
        """
        if self._delete_after_h is None:
            return
        oldest_s = self._utc() - 3600 * self._delete_after_h
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
        """Finish the files of an earlier start that was killed, in the background.

        Args:
            busy: folders that are still written.
        """
        # The newest first: people look at them, and they are deleted last.
        folders = [folder for folder in reversed(self._all()) if folder not in busy]
        if folders:
            # A daemon, so that the program need not wait for it.
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
        except OSError:  # it is not there yet, or cannot be read now
            return []

    def _finish(self, folders: Sequence[Path]) -> None:
        try:
            for folder in folders:
                if self._stopped.is_set():
                    return
                with self._lock:  # it is not being deleted
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
        logger.info("%d files of an earlier start are finished in %s", len(made), folder)
