"""What the commands on galleries share: which gallery is meant, times, ages, and how they print."""

from __future__ import annotations

import argparse
import os
import re
import time
from datetime import datetime
from pathlib import Path

from reid_tracker.checked import shown
from reid_tracker.errors import ConfigError

_AGE = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd]?)")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "": 3600.0}
_LONGEST_S = 1e11


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


def parse_age(text: str) -> float:
    """Return seconds of an age such as 48 (hours), 48h, 90m or 7d.

    Raises:
        ConfigError: it is none.
    """
    match = _AGE.fullmatch(text.strip().lower())
    if match is None or float(match[1]) * _SECONDS[match[2]] > _LONGEST_S:
        raise ConfigError(f"'{shown(text, str)}' is no age: expected hours, or e.g. 90m, 48h, 7d")
    return float(match[1]) * _SECONDS[match[2]]


def parse_moment(text: str) -> float:
    """Return UTC seconds since 1970 of a date, a time since 1970, or an age (2h: two hours ago).

    A date without a zone is local time.

    Raises:
        ConfigError: it is none.
    """
    text = text.strip()
    try:
        if re.fullmatch(r"\d{5,11}(\.\d+)?", text):
            return float(text)
        if re.fullmatch(r"[\d.]+[smhdSMHD]", text):
            return time.time() - parse_age(text)
        # Python 3.10 does not know the Z.
        moment = datetime.fromisoformat(re.sub("[zZ]$", "+00:00", text))
        return moment.timestamp()
    except (ValueError, OverflowError, OSError):
        raise ConfigError(
            f"'{shown(text, str)}' is no time: expected e.g. 2026-11-24T18:30, 2h (ago), or "
            "seconds since 1970"
        ) from None


def moment(time_s: float) -> str:
    """Write a time for people: local, to the second; as seconds where it is no date of a camera."""
    if time_s < 1e8:  # before 1973: seconds of a video, not of a clock
        return f"{time_s:.1f} s"
    return datetime.fromtimestamp(time_s).astimezone().strftime("%Y-%m-%d %H:%M:%S")
