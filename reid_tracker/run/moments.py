"""Parses and formats times and ages for people."""

from __future__ import annotations

import re
import time
from datetime import datetime

from reid_tracker.config.checked import shown
from reid_tracker.errors import ConfigError

_AGE = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd]?)")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "": 3600.0}
_LONGEST_S = 1e11


def parse_age(text: str) -> float:
    """Parse an age such as 48 (hours), 48h, 90m or 7d into seconds.

    Raises:
        ConfigError: the text is not a valid age.
    """
    match = _AGE.fullmatch(text.strip().lower())
    if match is None or float(match[1]) * _SECONDS[match[2]] > _LONGEST_S:
        raise ConfigError(
            f"'{shown(text, str)}' is not a valid age: expected hours, or e.g. 90m, 48h, 7d"
        )
    return float(match[1]) * _SECONDS[match[2]]


def parse_moment(text: str) -> float:
    """Return UTC seconds since 1970 of a date, a time since 1970, or an age (2h: two hours ago).

    A date without a zone is local time.

    Raises:
        ConfigError: the text is not a valid time.
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
            f"'{shown(text, str)}' is not a valid time: expected e.g. 2026-11-24T18:30, 2h "
            "(ago), or seconds since 1970"
        ) from None


def moment(time_s: float) -> str:
    """Format a time: local, to the second; times before 1973 as seconds of a video."""
    if time_s < 1e8:  # before 1973: seconds of a video, not clock time
        return f"{time_s:.1f} s"
    return datetime.fromtimestamp(time_s).astimezone().strftime("%Y-%m-%d %H:%M:%S")
