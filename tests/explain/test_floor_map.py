"""Floor plans: merged paths, their colours and the scale of the map."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np

from reid_tracker.explain.floor_map import floor_sheet, merged_path
from reid_tracker.match import FloorPath


def test_a_path_is_the_mean_of_equally_sure_cameras() -> None:
    rng = np.random.default_rng(0)
    paths = [
        FloorPath(
            camera,
            1,
            np.column_stack([np.sort(rng.uniform(0, 6, 9)), rng.normal(size=(9, 2))]),
            np.repeat(np.eye(2)[None], 9, axis=0),
        )
        for camera in "ab"
    ]
    found = merged_path(paths)
    plain: dict[int, list[np.ndarray]] = {}
    for path in paths:
        for place in path.places:
            plain.setdefault(int(place[0] // 0.5), []).append(place)
    expected = [np.mean(plain[bucket], axis=0) for bucket in sorted(plain)]
    np.testing.assert_allclose(found, expected)


def test_the_map_draws_each_way_in_its_colour() -> None:
    places = np.array([[0.0, 1, 1], [0.5, 5, 1], [1.0, 9, 9]])
    square = np.array([[0.0, 0], [10, 0], [10, 10], [0, 10]])
    sheet = floor_sheet(
        [FloorPath("a", 7, places, np.repeat(np.eye(2)[None], len(places), axis=0))],
        {"a": square},
        {7: "#ff00ff"},
    )
    (chart,) = sheet._figure.axes
    ways = [line for line in chart.lines if line.get_color() == "#ff00ff"]
    assert ways[-1].get_xdata() == [9]
    assert chart.get_xlim()[0] < 0
    assert chart.get_xlim()[1] > 10


def test_a_path_begins_pale_and_leaves_out_what_is_far_outside() -> None:
    times_s = np.arange(0, 60, 0.5)
    places = np.column_stack([times_s, times_s / 6, np.full(len(times_s), 5.0)])
    places[60, 1:] = (900, -400)  # hidden feet
    square = np.array([[0.0, 0], [10, 0], [10, 10], [0, 10]])
    sheet = floor_sheet(
        [FloorPath("a", 7, places, np.repeat(np.eye(2)[None], len(places), axis=0))],
        {"a": square},
        {7: "#ff00ff"},
    )
    (chart,) = sheet._figure.axes
    ways = [line for line in chart.lines if line.get_color() == "#ff00ff"][:-1]
    assert max(float(np.max(line.get_xdata())) for line in ways) < 11
    strengths = [line.get_alpha() for line in ways]
    assert strengths == sorted(strengths)
    assert (strengths[0], strengths[-1]) == (0.275, 0.95)
    # Each part goes on where the one before it ends.
    assert all(one.get_xdata()[-1] == following.get_xdata()[0] for one, following in pairwise(ways))


def test_nobody_walked(tmp_path: Path) -> None:
    sheet = floor_sheet([], {"door": np.zeros((0, 2))}, {})
    assert sheet.save(tmp_path / "map.png").stat().st_size > 5_000
