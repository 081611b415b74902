"""Training checkpoints: written atomically, so that a kill leaves a complete one.

A checkpoint is also a weights file: its "state_dict" is what `reid_tracker.build_encoder` loads.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import torch

from reid_tracker.errors import OutputError, WeightsError

VERSION = 1


def save_checkpoint(content: dict[str, Any], path: Path) -> None:
    """Write a checkpoint to a temporary file, flush it to disk, and rename it.

    Raises:
        OutputError: it cannot be written; an earlier checkpoint at `path` is unharmed.
    """
    # Into memory first: on a full disk torch.save raises an error without the reason.
    buffer = io.BytesIO()
    torch.save({"version": VERSION, **content}, buffer)
    write_atomically(path, buffer.getvalue())


def write_atomically(path: Path, write: bytes | Callable[[BinaryIO], object]) -> None:
    """Write a file atomically: an error leaves the old content.

    Args:
        path: the file.
        write: the content, or a function that writes it into an open file.

    Raises:
        OutputError: the disk is full, or the folder cannot be written.
    """
    beside = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with _removed_on_error(beside):
            with beside.open("wb") as file:
                if isinstance(write, bytes):
                    file.write(write)
                else:
                    write(file)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        _flush_folder(path.parent)
    except OSError as error:
        kept = "; the previous one is unharmed" if path.is_file() else ""
        # On a full disk, NumPy's errors have a text but no strerror.
        reason = error.strerror or error
        raise OutputError(f"cannot write {path}: {reason}{kept}") from None


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a training checkpoint, without running code from it.

    Raises:
        WeightsError: the file is missing, damaged, or not a training checkpoint of this version.
    """
    if not path.is_file():
        raise WeightsError(f"{path}: no such checkpoint; start without --resume")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle can raise almost anything
        raise WeightsError(
            f"{path}: not a checkpoint, or damaged ({type(error).__name__}); start without --resume"
        ) from None
    if not isinstance(content, dict) or content.get("version") != VERSION:
        raise WeightsError(
            f"{path}: weights, but not a training checkpoint of this version; to start from these "
            "weights set model.weights instead of resuming"
        )
    return content


@contextlib.contextmanager
def _removed_on_error(path: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            path.unlink()
        raise


def _flush_folder(folder: Path) -> None:
    """Make a rename survive a power cut, where the system supports it."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
