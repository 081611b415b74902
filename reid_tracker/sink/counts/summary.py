"""Events at lines and zones, and totals that count each person once over all cameras."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from reid_tracker.sink.counts.places import CountingPlaces

Person = tuple[str, int]
"""An identity over all cameras as ("", identity), or a track without one as (camera, track)."""


CountKind = Literal["in", "out", "enter", "exit"]


@dataclass(frozen=True, slots=True)
class CountEvent:
    """A person crossed a line, or entered or left a zone.

    Attributes:
        camera: the camera that saw it.
        frame: frame number, from 0.
        timestamp_s: seconds since the first frame; for an exit, the last moment in the zone.
        place: name of the line or zone.
        event: "in" and "out" at a line, "enter" and "exit" at a zone.
        track: id within the camera.
        identity: identity over all cameras known at that time; 0 while unknown.
        class_number: class of the track.
        dwell_s: for an "exit", the time in the zone; else None.
    """

    camera: str
    frame: int
    timestamp_s: float
    place: str
    event: CountKind
    track: int
    identity: int
    class_number: int
    dwell_s: float | None = None

    @property
    def person(self) -> Person:
        """The person."""
        return ("", self.identity) if self.identity else (self.camera, self.track)


def summarize(places: CountingPlaces, events: Sequence[CountEvent]) -> dict[str, Any]:
    """Return counts per line and zone.

    A place that several cameras see counts a person once. If two cameras see a person cross a line
    in the same direction, with no crossing back between, this is one crossing. Time in a zone is
    the time during which any camera sees the person there.

    Args:
        places: of all cameras.
        events: in order of time, with final identities; each "enter" has an "exit".

    Returns:
        `lines`, a list of `name`, `in`, `out` and `people`; and `zones`, a list of `name`,
        `people`, `visits`, `dwell_s`, `mean_dwell_s`, `longest_dwell_s` (of one person) and
        `persons`, a list of `identity` or `camera` and `id`, `visits`, `dwell_s`.
    """
    by_place: dict[str, list[CountEvent]] = {}
    for event in events:
        by_place.setdefault(event.place, []).append(event)
    lines = {line.name: _of_line(by_place.get(line.name, ())) for line in places.lines}
    zones = {zone.name: _of_zone(by_place.get(zone.name, ())) for zone in places.zones}
    return {"lines": _named(lines), "zones": _named(zones)}


def _named(places: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"name": name, **values} for name, values in places.items()]


def _of_line(events: Iterable[CountEvent]) -> dict[str, Any]:
    counts = {"in": 0, "out": 0}
    last: dict[Person, CountEvent] = {}
    for event in events:
        before = last.setdefault(event.person, event)
        last[event.person] = event
        if before is event or before.event != event.event or before.camera == event.camera:
            counts[event.event] += 1
    return {**counts, "people": len(last)}


def _of_zone(events: Iterable[CountEvent]) -> dict[str, Any]:
    stays: dict[Person, list[tuple[float, float]]] = {}
    for event in events:
        if event.dwell_s is not None:
            stay = (event.timestamp_s - event.dwell_s, event.timestamp_s)
            stays.setdefault(event.person, []).append(stay)
    persons: list[dict[str, Any]] = []
    for (camera, number), some in stays.items():
        visits = _united(some)
        who = {"camera": camera, "id": number} if camera else {"identity": number}
        dwell_s = sum(end - start for start, end in visits)
        persons.append({**who, "visits": len(visits), "dwell_s": round(dwell_s, 3)})
    times_s = [one["dwell_s"] for one in persons]
    return {
        "people": len(persons),
        "visits": sum(one["visits"] for one in persons),
        "dwell_s": round(sum(times_s), 3),
        "mean_dwell_s": round(sum(times_s) / len(persons), 3) if persons else 0.0,
        "longest_dwell_s": max(times_s, default=0.0),
        "persons": persons,
    }


def _united(spans: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Merge overlapping spans of time."""
    united: list[tuple[float, float]] = []
    for start, end in sorted(spans):
        if united and start <= united[-1][1]:
            united[-1] = (united[-1][0], max(end, united[-1][1]))
        else:
            united.append((start, end))
    return united
