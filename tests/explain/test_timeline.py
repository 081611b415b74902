"""Timelines: bars as long as sightings, and clock times."""

from __future__ import annotations

import pytest

from reid_tracker.errors import InputError
from reid_tracker.explain.sheet import BLUE, RED, rgb
from reid_tracker.explain.timeline import clock, timeline_sheet
from reid_tracker.match import Sighting
from tests.explain.run_samples import CAMERAS, SIGHTINGS, part


def test_the_timeline_has_bars_as_long_as_people_were_seen() -> None:
    sheet = timeline_sheet(SIGHTINGS, CAMERAS, 100)
    alone = timeline_sheet(
        [Sighting("door", 1, 0, 50), Sighting("$hall_", 1, 60, 100)], CAMERAS, 100
    )
    assert part(alone, BLUE) > 0
    # 50 s of blue to 40 s of red; the keys add the same to both.
    pixels = alone.pixels()
    row = pixels[:, 60:]
    blue = (row == rgb(BLUE)).all(axis=2).sum(axis=1).max()
    red = (row == rgb(RED)).all(axis=2).sum(axis=1).max()
    assert blue / red == pytest.approx(50 / 40, rel=0.02)
    assert sheet.pixels().shape[0] >= alone.pixels().shape[0]


@pytest.mark.slow
def test_a_timeline_of_many_leaves_out_those_seen_shortest() -> None:
    many = [Sighting("door", number, 0, number) for number in range(1, 100)]
    sheet = timeline_sheet(many, CAMERAS, 100)
    assert sheet.pixels().shape[0] < 3000


def test_empty_timeline_says_so() -> None:
    (chart,) = timeline_sheet([], CAMERAS, 0)._figure.axes
    assert [text.get_text() for text in chart.texts] == ["no identity was decided"]


def test_a_camera_without_a_colour_is_an_error() -> None:
    with pytest.raises(InputError, match="attic"):
        timeline_sheet([Sighting("attic", 1, 0, 1)], CAMERAS, 1)


@pytest.mark.parametrize(("seconds", "text"), [(4.21, "0:04"), (61, "1:01"), (7500, "2:05:00")])
def test_clock_times(seconds: float, text: str) -> None:
    assert clock(seconds) == text
