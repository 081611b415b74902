"""Where a command writes: the folder that the user names, or a new one below runs/."""

from __future__ import annotations

from pathlib import Path

from reid_tracker.errors import OutputError

_RUNS = Path("runs")


def output_folder(output: str | None, name: str) -> Path:
    """Return the folder for the results, made if need be.

    Args:
        output: what the user asked for; None takes a new folder below runs/.
        name: of that new folder; it gets a number where the name is taken.

    Raises:
        OutputError: the folder cannot be made.
    """
    if output is None:
        folder, number = _RUNS / name, 1
        while folder.is_dir() and any(folder.iterdir()):
            number += 1
            folder = _RUNS / f"{name}-{number}"
    else:
        folder = Path(output)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot make the output folder {folder}: {error.strerror}; choose one with --output"
        ) from None
    return folder
