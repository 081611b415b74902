"""Reads tracks of several cameras from text in the format of the AI City Challenge.

One box per line: camera, identity, frame, left, top, width, height. Further columns (world
coordinates) are ignored. Spaces or commas separate columns. The camera may be a name.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from reid_tracker.errors import InputError
from reid_tracker.evaluate.multi_camera import IdentityBoxes
from reid_tracker.geometry import tlwh_to_xyxy

_COLUMNS = "camera identity frame left top width height"
_LARGEST = (2**53, 2**53, 1e9, 1e9, 1e9, 1e9)
"""Limits of identity and frame (exact in float64) and of pixels (finite area)."""


def read_tracks(path: Path) -> dict[str, IdentityBoxes]:
    """Return the boxes of each camera by name.

    Raises:
        InputError: the file cannot be read, a line is malformed, or an identity occurs twice in a
            frame.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise InputError(f"cannot read {path}: {reason}") from None
    rows: dict[str, list[list[float]]] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        camera, values = _parsed(line, f"{path}, line {number}")
        rows.setdefault(camera, []).append(values)
    found = {}
    for camera, cells in sorted(rows.items()):
        table = np.array(cells)
        try:
            found[camera] = IdentityBoxes(
                frames=table[:, 1].astype(np.int64),
                ids=table[:, 0].astype(np.int64),
                boxes=tlwh_to_xyxy(table[:, 2:]),
            )
        except InputError as error:
            raise InputError(f"{path}, camera {camera}: {error}") from None
    return found


def _parsed(line: str, where: str) -> tuple[str, list[float]]:
    cells = line.replace(",", " ").split()
    try:
        values = [float(cell) for cell in cells[1:7]]
    except ValueError:
        values = []
    # NaN fails this comparison, too.
    small = len(values) == 6 and all(
        abs(value) <= most for value, most in zip(values, _LARGEST, strict=True)
    )
    if not (small and values[0].is_integer() and values[1].is_integer() and min(values[4:]) >= 0):
        raise InputError(f"{where}: {line[:60]!r}: expected {_COLUMNS}")
    return cells[0], values
