"""Sums of events: each person once, over all cameras."""

from __future__ import annotations

from reid_tracker.sink.counts.places import CountingLine, CountingPlaces, CountingZone
from reid_tracker.sink.counts.summary import CountEvent, CountKind, summarize

PLACES = CountingPlaces(
    tuple(CountingLine("gate", camera, (0, 0), (9, 9)) for camera in ("a", "b")),
    tuple(CountingZone("shop", camera, ((0, 0), (9, 0), (9, 9))) for camera in ("a", "b")),
)


def crossing(kind: CountKind, camera: str, track: int, identity: int = 0) -> CountEvent:
    return CountEvent(camera, 0, 0.0, "gate", kind, track, identity, 0)


def visit(camera: str, track: int, identity: int, start_s: float, end_s: float) -> list[CountEvent]:
    enter = CountEvent(camera, 0, start_s, "shop", "enter", track, identity, 0)
    leave = CountEvent(camera, 0, end_s, "shop", "exit", track, identity, 0, end_s - start_s)
    return [enter, leave]


def test_a_line_counts_crossings_and_people() -> None:
    events = [crossing("in", "a", 1), crossing("out", "a", 1), crossing("in", "a", 2)]
    assert summarize(PLACES, events)["lines"] == [{"name": "gate", "in": 2, "out": 1, "people": 2}]


def test_a_crossing_that_two_cameras_see_is_one() -> None:
    events = [
        crossing("in", "a", 1, 7),
        crossing("in", "b", 4, 7),
        crossing("out", "b", 4, 7),
        crossing("out", "a", 2, 7),
        crossing("in", "b", 5, 8),
        crossing("in", "b", 5),  # a track of no identity is somebody else
    ]
    assert summarize(PLACES, events)["lines"] == [{"name": "gate", "in": 3, "out": 1, "people": 3}]


def test_two_crossings_in_one_camera_are_two() -> None:
    events = [crossing("in", "a", 1, 7), crossing("in", "a", 3, 7)]
    assert summarize(PLACES, events)["lines"][0]["in"] == 2


def test_time_in_a_zone_is_counted_once_over_cameras() -> None:
    events = [
        *visit("a", 1, 7, 10.0, 14.0),
        *visit("b", 4, 7, 12.0, 20.0),
        *visit("a", 1, 7, 30.0, 31.0),
        *visit("b", 9, 0, 5.0, 7.5),
    ]
    zones = summarize(PLACES, sorted(events, key=lambda one: one.timestamp_s))["zones"]
    assert zones == [
        {
            "name": "shop",
            "people": 2,
            "visits": 3,
            "dwell_s": 13.5,
            "mean_dwell_s": 6.75,
            "longest_dwell_s": 11.0,
            "persons": [
                {"camera": "b", "id": 9, "visits": 1, "dwell_s": 2.5},
                {"identity": 7, "visits": 2, "dwell_s": 11.0},
            ],
        }
    ]


def test_nobody_is_a_sum_too() -> None:
    summary = summarize(PLACES, [])
    assert summary["lines"] == [{"name": "gate", "in": 0, "out": 0, "people": 0}]
    assert summary["zones"][0]["mean_dwell_s"] == 0.0
