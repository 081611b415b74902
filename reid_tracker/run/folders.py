"""The folder for a run's results: a new name, locked to one run, removed if it stays empty."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from reid_tracker.errors import OutputError
from reid_tracker.sink.files import cannot_write

_RUNS = Path("runs")


@contextmanager
def result_folder(output: str | Path | None, name: str) -> Iterator[Path]:
    """Make the folder for the results of a run, and keep other runs out of it meanwhile.

    A start that is refused leaves no empty folder behind.

    Args:
        output: the folder that the user chose; None makes a new one below runs/.
        name: name of the new folder; a number is added if the name is taken.

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
    """Remove this folder and its parents if they are made meanwhile and stay empty."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        yield
    finally:
        for path in missing:
            with suppress(OSError):
                path.rmdir()


@contextmanager
def removed_unless_started(outputs: Iterable[Path]) -> Iterator[Callable[[], None]]:
    """Remove those of these outputs that are made, unless the function that this yields is called.

    A run that cannot open one output would otherwise leave the others empty, and the next run
    into the folder would refuse to replace them.
    """
    missing = [path for path in outputs if not path.exists()]
    started: list[bool] = []
    try:
        yield lambda: started.append(True)
    finally:
        for path in () if started else missing:
            with suppress(OSError):
                path.rmdir() if path.is_dir() else path.unlink()


def claim(folder: Path) -> Callable[[], None]:
    """Lock a folder; returns the function that unlocks it.

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
            f"another run is writing to {folder}: wait until it ends, or choose another folder "
            "with --output"
        ) from None
    except OSError:  # the file system has no locks
        pass
    return partial(os.close, number)
