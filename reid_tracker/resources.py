"""Where the files that ship with the package are: configs/ and weights/.

In an installed wheel they lie inside the package; in a source checkout (editable install) they are
the top-level folders of the same names.
"""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def shipped(*parts: str) -> Path:
    """Return the path of a shipped file or folder, e.g. `shipped("configs", "default.yaml")`.

    The path is returned whether or not it exists.
    """
    inside = _PACKAGE.joinpath(*parts)
    return inside if (_PACKAGE / parts[0]).is_dir() else _PACKAGE.parent.joinpath(*parts)
