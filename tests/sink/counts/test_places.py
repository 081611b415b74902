"""Lines and zones as people write them, and what is refused."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from reid_tracker.errors import ConfigError
from reid_tracker.sink.counts.places import (
    CountingLine,
    CountingPlaces,
    CountingZone,
    check_places,
    read_places,
)
from reid_tracker.types import VideoInfo

INFO = VideoInfo(640, 480, Fraction(10))
FILE = """\
lines:
  - {name: door, camera: hall, start: [10, 20], end: [30, 40.5]}
zones:
  - name: shop
    points: [[0, 0], [100, 0], [100, 80]]
"""


def test_coordinates_and_a_file_are_read(tmp_path: Path) -> None:
    path = tmp_path / "zones.yaml"
    path.write_text(FILE)
    places = read_places(
        [str(path), "gate=1,2,3,4.5", "5,6,7,8"], [str(path), "a=b=0,0 10,0 10,10"]
    )
    assert places == CountingPlaces(
        (
            CountingLine("door", "hall", (10, 20), (30, 40.5)),
            CountingLine("gate", "", (1, 2), (3, 4.5)),
            CountingLine("line 3", "", (5, 6), (7, 8)),
        ),
        (
            CountingZone("shop", "", ((0, 0), (100, 0), (100, 80))),
            CountingZone("a=b", "", ((0, 0), (10, 0), (10, 10))),
        ),
    )


def test_a_place_without_a_camera_is_in_the_only_one(tmp_path: Path) -> None:
    placed = check_places(read_places(["gate=0,0,640,480"], []), {"hall": INFO})
    assert placed.of("hall").lines[0].camera == "hall"
    assert not any(placed.of("door"))


@pytest.mark.parametrize(
    ("lines", "zones", "said"),
    [
        (["gate=1,2,3"], [], "--line gate=1,2,3: expected NAME=X1,Y1,X2,Y2, or a YAML file"),
        (["gate=1,2,3,4,5,6"], [], "expected NAME=X1,Y1,X2,Y2,"),
        ([], ["shop=1,2,3,4"], "--zone shop=1,2,3,4: expected NAME=X1,Y1,X2,Y2,X3,Y3 or more"),
        ([], ["shop=1,2,3,4,1,2"], "zone 'shop' has 2 different points, expected 3 or more"),
        (["gate=1,2,1,2"], [], "line 'gate' has 1 different points"),
        (["gate=1,2,3,1e999"], [], "line 'gate': expected points of two numbers"),
        (["gate=1,2,3,4-5"], [], "expected NAME=X1,Y1,X2,Y2"),
        (["nowhere.yaml"], [], "nowhere.yaml: cannot read nowhere.yaml"),
    ],
)
def test_what_cannot_be_read_is_one_line(lines: list[str], zones: list[str], said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        read_places(lines, zones)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lines: [{start: [1, 2], end: [3, 4]}]", "a line has no name"),
        ("zones: [{name: a, points: [[1, 2], [3]]}]", "expected points of two numbers"),
        ("zones: [{name: a, corners: []}]", "unknown key"),
    ],
)
def test_a_wrong_file_is_named(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "zones.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=said) as raised:
        read_places([str(path)], [])
    assert str(path) in str(raised.value)


@pytest.mark.parametrize(
    ("place", "said"),
    [
        (CountingLine("a", "roof", (1, 2), (3, 4)), "'a' of camera 'roof'; the cameras of this"),
        (CountingLine("a", "", (1, 2), (3, 4)), "line 'a' names no camera; .*: door, hall"),
        (CountingLine("a", "hall", (1, 2), (641, 4)), "641,4, outside the picture of camera 'hall"),
        (CountingZone("a", "hall", ((1, 2), (3, 4), (5, -1))), "5,-1, outside the picture"),
    ],
)
def test_what_does_not_fit_the_cameras_is_refused(
    place: CountingLine | CountingZone, said: str
) -> None:
    if isinstance(place, CountingLine):
        places = CountingPlaces((place,))
    else:
        places = CountingPlaces((), (place,))
    with pytest.raises(ConfigError, match=said):
        check_places(places, {"door": INFO, "hall": INFO})


def test_a_name_is_unique_in_a_camera_and_shared_over_cameras() -> None:
    one, other = (CountingLine("a", camera, (1, 2), (3, 4)) for camera in ("door", "hall"))
    cameras = {"door": INFO, "hall": INFO}
    assert check_places(CountingPlaces((one, other)), cameras) == CountingPlaces((one, other))
    zone = CountingZone("a", "door", ((0, 0), (5, 0), (5, 5)))
    with pytest.raises(ConfigError, match="zone 'a' occurs twice in camera 'door'"):
        check_places(CountingPlaces((one,), (zone,)), cameras)


def test_a_camera_without_a_picture_yet_takes_any_place() -> None:
    with pytest.raises(ConfigError, match="expected x up to 16384"):
        check_places(
            CountingPlaces((CountingLine("a", "", (1, 2), (1e9, 4)),)),
            {"live": VideoInfo(0, 0, Fraction(25))},
        )
    far = CountingPlaces((CountingLine("a", "", (1, 2), (3000, 4)),))
    assert check_places(far, {"live": VideoInfo(0, 0, Fraction(25))}).lines[0].camera == "live"
