"""Counting one camera: who crosses, who stays how long, and what must not count."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

import numpy as np
import pytest

from reid_tracker.sink.counts.counter import CameraCounter
from reid_tracker.sink.counts.places import CountingLine, CountingPlaces, CountingZone
from reid_tracker.sink.counts.summary import CountEvent
from tests.sink.results import make_tracks

# From left to right across the picture: up, to the left of its direction, is in.
LINE = CountingLine("gate", "hall", (0, 100), (200, 100))
ZONE = CountingZone("shop", "hall", ((50, 50), (150, 50), (150, 150), (50, 150)))
RATE = Fraction(10)


def feet(*points: tuple[float, float]) -> list[list[float]]:
    return [[x - 10, y - 60, x + 10, y] for x, y in points]


def walked(
    places: CountingPlaces,
    ways: dict[int, Iterable[tuple[float, float] | None]],
    times_s: Iterable[float] | None = None,
) -> tuple[CameraCounter, list[CountEvent]]:
    """Count people at foot points, frame by frame; None is out of sight."""
    counter, events = CameraCounter("hall", places, RATE), []
    frames = list(zip(*ways.values(), strict=True))
    for frame, time_s in enumerate(times_s or [index / 10 for index in range(len(frames))]):
        seen = {one: at for one, at in zip(ways, frames[frame], strict=True) if at is not None}
        tracks = make_tracks(list(seen), feet(*seen.values()))
        events += counter.update(frame, time_s, tracks, np.array([one + 100 for one in seen]))
    return counter, events + counter.finish()


def gate(ways: dict[int, Iterable[tuple[float, float] | None]]) -> list[tuple[int, str]]:
    _, events = walked(CountingPlaces((LINE,)), ways)
    return [(event.track, event.event) for event in events]


UP = [(100.0, y) for y in range(150, 50, -10)]


def test_people_who_cross_count_in_their_direction() -> None:
    counter, events = walked(CountingPlaces((LINE,)), {3: UP, 7: UP[::-1]})
    assert [(one.track, one.event, one.identity) for one in events] == [
        (7, "out", 107),
        (3, "in", 103),
    ]
    assert [one.frame for one in events] == [5, 7]  # the second frame on the other side
    assert counter.lines == [(LINE, 1, 1)]


@pytest.mark.parametrize(
    "way",
    [
        [(100.0, 150.0)] * 10,
        [(100.0, 100 + 3 * (-1) ** k) for k in range(10)],  # trembles on the line
        [(300.0, y) for _, y in UP],  # beyond its end
        [(x, 120.0) for x in range(20, 120, 10)],  # along it
    ],
)
def test_no_crossing_no_count(way: list[tuple[float, float]]) -> None:
    assert gate({1: way}) == []


def test_who_is_hidden_while_crossing_counts_once() -> None:
    hidden: list[tuple[float, float] | None] = [*UP[:4], *[None] * 20, *UP[7:]]
    assert gate({1: hidden}) == [(1, "in")]


def test_who_comes_back_counts_again() -> None:
    assert gate({1: [*UP, *UP[::-1], *UP]}) == [(1, "in"), (1, "out"), (1, "in")]


def test_another_person_of_another_id_crosses_nothing() -> None:
    first: list[tuple[float, float] | None] = [*UP[:4], *[None] * 6]
    second: list[tuple[float, float] | None] = [*[None] * 6, *UP[6:]]
    assert gate({1: first, 2: second}) == []


def test_dwell_is_time_and_not_frames() -> None:
    """Half of the frames are missing, at random: the time in the zone is the same."""
    rng = np.random.default_rng(4)
    times_s = np.sort(rng.choice(np.arange(0, 30, 0.1), 150, replace=False))
    times_s = np.unique([*times_s[(times_s < 10) | (times_s > 20)], 10.0, 20.0, *times_s])
    inside = [(100.0, 100.0) if 10 <= time_s <= 20 else (10.0, 10.0) for time_s in times_s]
    _, events = walked(CountingPlaces((), (ZONE,)), {1: inside}, times_s.tolist())
    assert [(one.event, one.timestamp_s, one.dwell_s) for one in events] == [
        ("enter", 10.0, None),
        ("exit", 20.0, 10.0),
    ]
    assert [times_s[one.frame] for one in events] == [10.0, 20.0]


def test_a_short_absence_ends_no_visit_and_a_long_one_does() -> None:
    short: list[tuple[float, float] | None] = [(100, 100), *[None] * 9, (100, 100)]
    _, events = walked(CountingPlaces((), (ZONE,)), {1: short})
    assert [(one.event, one.dwell_s) for one in events] == [("enter", None), ("exit", 1.0)]
    long: list[tuple[float, float] | None] = [(100, 100), *[None] * 12, (100, 100)]
    _, events = walked(CountingPlaces((), (ZONE,)), {1: long, 2: [(0.0, 0.0)] * 14})
    kinds = [(one.event, one.timestamp_s) for one in events]
    assert kinds == [("enter", 0.0), ("exit", 0.0), ("enter", 1.3), ("exit", 1.3)]


def test_people_in_a_zone_are_counted_by_their_feet() -> None:
    ways: dict[int, list[tuple[float, float]]] = {1: [(100, 100)], 2: [(100, 140)], 3: [(100, 170)]}
    counter = CameraCounter("hall", CountingPlaces((), (ZONE,)), RATE)
    tracks = make_tracks([1, 2, 3], feet(*(way[0] for way in ways.values())))
    events = counter.update(0, 0.0, tracks)
    assert counter.zones == [(ZONE, 2)]
    assert [(one.track, one.identity) for one in events] == [(1, 0), (2, 0)]
    counter.update(1, 0.1, make_tracks([]))
    assert counter.zones == [(ZONE, 2)]  # out of sight for less than a second
    assert [one.track for one in counter.finish()] == [1, 2]


@pytest.mark.slow
def test_memory_does_not_grow_with_people() -> None:
    counter = CameraCounter("hall", CountingPlaces((LINE,), (ZONE,)), RATE)
    for index in range(1000):
        counter.update(index, index / 10, make_tracks([index + 1], feet((100, 100))))
    assert len(counter._ids) <= 102
    assert len(counter._zones[0].ids) <= 12
