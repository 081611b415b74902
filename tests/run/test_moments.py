"""Times and ages as people write them."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from reid_tracker.errors import ConfigError
from reid_tracker.run.moments import moment, parse_age, parse_moment


@pytest.mark.parametrize(
    ("text", "age_s"), [("48", 172_800.0), ("48h", 172_800.0), (" 90M ", 5400.0), ("7d", 604_800.0)]
)
def test_ages(text: str, age_s: float) -> None:
    assert parse_age(text) == age_s


@pytest.mark.parametrize("text", ["", "h", "-1h", "1w", "9" * 30, "1h\x1b[2J"])
def test_what_is_no_age(text: str) -> None:
    with pytest.raises(ConfigError, match="is not a valid age: expected hours"):
        parse_age(text)


def test_moments() -> None:
    utc = datetime(2026, 11, 24, 18, 30, tzinfo=UTC).timestamp()
    assert parse_moment("2026-11-24T18:30Z") == parse_moment("2026-11-24T19:30+01:00") == utc
    assert parse_moment("1764009000") == 1764009000.0
    assert parse_moment("2h") == pytest.approx(time.time() - 7200, abs=60)
    with pytest.raises(ConfigError, match="'yesterday' is not a valid time"):
        parse_moment("yesterday")


def test_seconds_of_a_video_are_no_date() -> None:
    assert moment(35.04) == "35.0 s"
    assert parse_moment(moment(1764009000.0)) == 1764009000.0
