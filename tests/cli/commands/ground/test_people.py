"""People of a finished run: their times and boxes, and errors in its files."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from reid_tracker.cli.commands.ground.people import describe, frame_times, read_people
from reid_tracker.errors import ConfigError, InputError
from reid_tracker.match import GroundPlane
from reid_tracker.match.places.people import People
from reid_tracker.match.places.self_calibration import Agreement, SelfCalibration
from reid_tracker.match.places.upright import Upright, UprightFit
from reid_tracker.types import VideoInfo

INFO = VideoInfo(640, 480, Fraction(10))


def test_times_come_from_the_json_lines(tmp_path: Path) -> None:
    (tmp_path / "door_global.txt").write_text("1,7,10,20,30,40,1\n3,7,11,20,30,40,1\n")
    people = read_people(tmp_path, {"door": INFO})["door"]
    assert people.times_s.tolist() == [0.0, 0.2]
    assert people.ids.tolist() == [7, 7]
    np.testing.assert_allclose(people.boxes[0], [10, 20, 40, 60])
    assert (people.width, people.height) == (640, 480)
    # A frame without a time, as after a kill, is left out.
    (tmp_path / "door.jsonl").write_text('{"frame": 2, "timestamp_s": 5.5, "tracks": []}\n')
    people = read_people(tmp_path, {"door": INFO})["door"]
    assert people.times_s.tolist() == [5.5]
    np.testing.assert_allclose(people.boxes, [[11, 20, 41, 60]])


def test_a_camera_that_the_run_lacks_is_named(tmp_path: Path) -> None:
    (tmp_path / "hall.txt").write_text("1,7,10,20,30,40,1\n")
    with pytest.raises(ConfigError, match="no tracks of camera 'door'; it has those of hall"):
        read_people(tmp_path, {"door": INFO})


@pytest.mark.parametrize("line", ["{", "3", '{"frame": 1}', '{"frame":1,"timestamp_s":NaN}'])
def test_malformed_lines_are_named(line: str, tmp_path: Path) -> None:
    path = tmp_path / "door.jsonl"
    path.write_text('{"frame":0,"timestamp_s":0.5}\n' + line + "\n")
    with pytest.raises(InputError, match=r"door\.jsonl, line 2: .*expected frame and timestamp_s"):
        list(frame_times(path))


def test_the_report_names_every_error() -> None:
    fit = UprightFit(Upright(1.0, np.radians(20), 0.0, 3.0), 9, 80, 0.07, 0.034)
    pair = Agreement(("door", "hall"), 6, 120, 0.31, 0.9)
    found = SelfCalibration(GroundPlane(), {"door": fit}, [pair])
    people = {"door": People(640, 480, np.empty(0), np.empty(0, np.int64), np.empty((0, 4)))}
    assert describe(found, people, 1.7) == [
        "door: focal length 640 px (+-7%), tilt 20.0 and roll 0.0 degrees, 3.00 m above the "
        "ground; heights are off by 3.4% (median of 80 boxes of 9 people)",
        "door and hall: the same people are 0.31 m apart (median of 120 moments of 6 people; "
        "90 %: below 0.90 m)",
        "assumed: people are 1.70 m tall on average (--mean-height); all lengths are proportional "
        "to it",
    ]
