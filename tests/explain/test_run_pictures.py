"""Pictures of a run over several cameras: what they count and where they draw it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reid_tracker.errors import InputError
from reid_tracker.explain.floor_map import floor_sheet, merged_way
from reid_tracker.explain.sheet import BLUE, RED, Sheet, rgb
from reid_tracker.explain.timeline import timeline_sheet
from reid_tracker.explain.times import clock, duration
from reid_tracker.explain.transit_times import transit_sheet
from reid_tracker.explain.transitions import transition_sheet
from reid_tracker.match import FloorPath, Passage, Sighting, Topology, confident_links

CAMERAS = ["door", "$hall_", "yard"]
SIGHTINGS = [
    Sighting("door", 1, 0, 50),
    Sighting("$hall_", 1, 60, 100),
    Sighting("door", 2, 20, 40),
    Sighting("$hall_", 2, 30, 45),
    Sighting("door", 2, 90, 100),
    Sighting("yard", 0, 0, 100),
]


def part(sheet: Sheet, colour: str) -> float:
    """Return the part of a sheet's pixels that have this colour."""
    return float((sheet.pixels() == rgb(colour)).all(axis=2).mean())


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


def test_a_timeline_of_many_leaves_out_those_seen_shortest() -> None:
    many = [Sighting("door", number, 0, number) for number in range(1, 100)]
    sheet = timeline_sheet(many, CAMERAS, 100)
    assert sheet.pixels().shape[0] < 3000


@pytest.mark.parametrize("sightings", [[], SIGHTINGS])
def test_every_sheet_can_be_drawn_of_little(sightings: list[Sighting], tmp_path: Path) -> None:
    links = confident_links(sightings, 0.5)
    sheets = {
        "timeline": timeline_sheet(sightings, CAMERAS, 0.0 if not sightings else 100.0),
        "transitions": transition_sheet(sightings, CAMERAS),
        "times": transit_sheet(links, Topology(), learned=True),
        "map": floor_sheet([], {"door": np.zeros((0, 2))}, {}),
    }
    for name, sheet in sheets.items():
        assert sheet.save(tmp_path / f"{name}.png").stat().st_size > 5_000


def test_a_camera_without_a_colour_is_an_error() -> None:
    with pytest.raises(InputError, match="attic"):
        timeline_sheet([Sighting("attic", 1, 0, 1)], CAMERAS, 1)


def texts(sheet: Sheet) -> list[str]:
    return [text.get_text() for text in sheet._figure.texts]


def test_transitions_count_people_and_say_how_long_they_took() -> None:
    shown = texts(transition_sheet(SIGHTINGS, CAMERAS))
    # Both people went from the door to the hall: one after 10 s, the other was seen by both.
    at = shown.index("2")
    assert shown[at + 1 : at + 3] == ["median 10 s", "1 times at once"]
    assert "median 45 s" in shown  # back to the door
    assert shown.count("nobody") == 9 - 2


def test_limits_are_drawn_where_the_topology_has_them() -> None:
    links = confident_links(SIGHTINGS, 0.5)
    (pair,) = links
    topology = Topology((Passage(pair.between, 5.0, 70.0),))
    sheet = transit_sheet(links, topology, learned=False)
    (chart,) = sheet._figure.axes
    lines = [line.get_xdata()[0] for line in chart.lines if line.get_color() == RED]
    assert lines == [5.0, 70.0]
    heights = [patch.get_height() for patch in chart.patches if patch.get_facecolor()[3] == 1]
    assert sum(heights) == len(pair.waits_s) == 3
    assert "allowed: 5.0 s to 1 min 10 s" in chart.texts[0].get_text()
    closed = transit_sheet(links, Topology(unlisted="closed"), learned=False)
    assert "nobody may go directly" in closed._figure.axes[0].texts[0].get_text()


def test_a_way_is_the_mean_of_what_cameras_say() -> None:
    rng = np.random.default_rng(0)
    paths = [
        FloorPath(
            camera, 1, np.column_stack([np.sort(rng.uniform(0, 6, 9)), rng.normal(size=(9, 2))])
        )
        for camera in "ab"
    ]
    found = merged_way(paths)
    plain: dict[int, list[np.ndarray]] = {}
    for path in paths:
        for place in path.places:
            plain.setdefault(int(place[0] // 0.5), []).append(place)
    expected = [np.mean(plain[bucket], axis=0) for bucket in sorted(plain)]
    np.testing.assert_allclose(found, expected)


def test_the_map_draws_each_way_in_its_colour() -> None:
    places = np.array([[0.0, 1, 1], [0.5, 5, 1], [1.0, 9, 9]])
    square = np.array([[0.0, 0], [10, 0], [10, 10], [0, 10]])
    sheet = floor_sheet([FloorPath("a", 7, places)], {"a": square}, {7: "#ff00ff"})
    (chart,) = sheet._figure.axes
    ways = [line for line in chart.lines if line.get_color() == "#ff00ff"]
    assert ways[-1].get_xdata() == [9]
    assert chart.get_xlim()[0] < 0
    assert chart.get_xlim()[1] > 10


@pytest.mark.parametrize(
    ("seconds", "words", "digits"),
    [(4.21, "4.2 s", "0:04"), (61, "1 min 1 s", "1:01"), (7500, "2 h 5 min", "2:05:00")],
)
def test_times_in_words_and_digits(seconds: float, words: str, digits: str) -> None:
    assert duration(seconds) == words
    assert clock(seconds) == digits
