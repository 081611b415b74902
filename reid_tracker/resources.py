"""Finds the files shipped with the package: configs/ and weights/.

An installed wheel has these folders inside the package; a source checkout (editable install) has
them at its top level.
"""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def shipped(*parts: str) -> Path:
    """Return the path of a shipped file or folder, e.g. `shipped("configs", "default.yaml")`.

    The path need not exist.
    """
    inside = _PACKAGE.joinpath(*parts)
    return inside if (_PACKAGE / parts[0]).is_dir() else _PACKAGE.parent.joinpath(*parts)
