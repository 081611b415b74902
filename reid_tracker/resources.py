"""Finds files: those shipped with the package (configs/ and weights/), the user's data and cache.

An installed wheel has these folders inside the package; a source checkout (editable install) has
them at its top level.
"""

import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def shipped(*parts: str) -> Path:
    """Return the path of a shipped file or folder, e.g. `shipped("configs", "default.yaml")`.

    The path need not exist.
    """
    inside = _PACKAGE.joinpath(*parts)
    return inside if (_PACKAGE / parts[0]).is_dir() else _PACKAGE.parent.joinpath(*parts)


def user_data(file: str) -> Path:
    """Return the path of a file in $REID_TRACKER_HOME, or else in the user's data."""
    return _of_user("XDG_DATA_HOME", "~/.local/share") / file


def user_cache(folder: str) -> Path:
    """Return the path of a folder in $REID_TRACKER_HOME, or else in the user's cache."""
    return _of_user("XDG_CACHE_HOME", "~/.cache") / folder


def _of_user(variable: str, usual: str) -> Path:
    if home := os.environ.get("REID_TRACKER_HOME"):
        return Path(home).expanduser().absolute()
    named = os.environ.get(variable, "")
    # The XDG specification: a relative path is to be ignored.
    return (Path(named) if os.path.isabs(named) else Path(usual).expanduser()) / "reid_tracker"
