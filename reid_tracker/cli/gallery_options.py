"""What the commands on galleries share: which gallery is meant."""

from __future__ import annotations

import argparse
import os
from pathlib import Path


def default_gallery() -> str:
    """Return the gallery that is meant where none is named.

    $REID_TRACKER_GALLERY, or gallery.sqlite in $REID_TRACKER_HOME, or else in the user's data.
    """
    if named := os.environ.get("REID_TRACKER_GALLERY"):
        return named
    if home := os.environ.get("REID_TRACKER_HOME"):
        return str(Path(home).expanduser().absolute() / "gallery.sqlite")
    data = os.environ.get("XDG_DATA_HOME", "")
    # The XDG specification: a relative path is to be ignored.
    base = Path(data) if os.path.isabs(data) else Path("~/.local/share").expanduser()
    return str(base / "reid_tracker" / "gallery.sqlite")


def add_gallery_option(parser: argparse.ArgumentParser) -> None:
    """Add --gallery."""
    parser.add_argument(
        "--gallery",
        metavar="PATH|URL",
        default=None,
        help="file, or postgresql://USER@HOST/DATABASE, with the password in ~/.pgpass or "
        "PGPASSWORD (default: $REID_TRACKER_GALLERY, or gallery.sqlite in the user's data)",
    )
