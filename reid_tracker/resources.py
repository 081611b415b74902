"""Finds files: those shipped with the package (configs/ and weights/), and the user's data.

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
    if home := os.environ.get("REID_TRACKER_HOME"):
        return Path(home).expanduser().absolute() / file
    data = os.environ.get("XDG_DATA_HOME", "")
    # The XDG specification: a relative path is to be ignored.
    base = Path(data) if os.path.isabs(data) else Path("~/.local/share").expanduser()
    return base / "reid_tracker" / file
