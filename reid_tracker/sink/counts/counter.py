"""Counts the people of one camera at lines and in zones, with supervision's geometry."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np
import supervision as sv

from reid_tracker.arrays import BoolArray, FloatArray, IntArray
from reid_tracker.sink.counts.places import CountingLine, CountingPlaces, CountingZone
from reid_tracker.sink.counts.summary import CountEvent, CountKind
from reid_tracker.types import Tracks

_ANCHOR = (sv.Position.BOTTOM_CENTER,)
_CONFIRM_S = 0.2  # time on the new side of a line before a crossing counts
_HOLD_S = 10.0  # for this long, an unreported track stays at its last position
_GRACE_S = 1.0  # time outside a zone or out of sight before a visit ends


@dataclass
class _Zone:
    """A zone and the people in it.

    Attributes:
        place: the zone.
        area: supervision's zone.
        ids: (K,) ids of the tracks in the zone.
        entered_s: (K,) when they entered.
        last_s: (K,) when they were last seen in the zone.
        last_frame: (K,) the frame at `last_s`.
    """

    place: CountingZone
    area: sv.PolygonZone
    ids: IntArray = field(default_factory=lambda: np.empty(0, np.int64))
    entered_s: FloatArray = field(default_factory=lambda: np.empty(0))
    last_s: FloatArray = field(default_factory=lambda: np.empty(0))
    last_frame: IntArray = field(default_factory=lambda: np.empty(0, np.int64))

    def keep(self, rows: BoolArray) -> None:
        self.ids, self.entered_s = self.ids[rows], self.entered_s[rows]
        self.last_s, self.last_frame = self.last_s[rows], self.last_frame[rows]


class CameraCounter:
    """Takes the tracks of one camera, frame by frame.

    A person's position is the foot point, the middle of the lower edge of the box. A crossing
    counts once the person has been on the other side for 0.2 s, so that jitter of the foot point on
    a line counts nothing. A visit of a zone continues while the person is outside it, or out of
    sight, for at most a second.

    Args:
        camera: its name.
        places: its lines and zones, in pixels.
        frame_rate: nominal frames per second.
    """

    def __init__(self, camera: str, places: CountingPlaces, frame_rate: Fraction) -> None:
        self._camera = camera
        confirm = max(1, round(_CONFIRM_S * frame_rate))
        self._lines = [
            (line, sv.LineZone(sv.Point(*line.start), sv.Point(*line.end), _ANCHOR, confirm))
            for line in places.lines
        ]
        self._zones = [
            _Zone(zone, sv.PolygonZone(np.rint(zone.points).astype(np.int64), _ANCHOR))
            for zone in places.zones
        ]
        # Last box, class, identity and time of each track, also of tracks not reported now:
        # otherwise supervision forgets on which side of a line a hidden person was.
        self._ids = np.empty(0, np.int64)
        self._boxes = np.empty((0, 4), np.float32)
        self._classes, self._identities = np.empty(0, np.int64), np.empty(0, np.int64)
        self._seen_s = np.empty(0)

    @property
    def lines(self) -> list[tuple[CountingLine, int, int]]:
        """Each line with the number of crossings in and out."""
        return [(line, zone.in_count, zone.out_count) for line, zone in self._lines]

    @property
    def zones(self) -> list[tuple[CountingZone, int]]:
        """Each zone with the number of people in it."""
        return [(zone.place, len(zone.ids)) for zone in self._zones]

    def update(
        self, frame: int, time_s: float, tracks: Tracks, identities: IntArray | None = None
    ) -> list[CountEvent]:
        """Return the events of a frame.

        Args:
            frame: its number, from 0.
            time_s: its time.
            tracks: (M) tracks.
            identities: (M,) their identities over all cameras, 0 where unknown; None: no matching.
        """
        self._remember(time_s, tracks, identities)
        events: list[CountEvent] = []
        every = sv.Detections(self._boxes, tracker_id=self._ids)
        for line, zone in self._lines:
            crossed_in, crossed_out = zone.trigger(every)
            sides: tuple[tuple[CountKind, BoolArray], ...]
            sides = ("in", crossed_in), ("out", crossed_out)
            for kind, crossed in sides:
                who = self._ids[crossed].tolist()
                events += [self._event(kind, line.name, track, frame, time_s) for track in who]
        present = sv.Detections(tracks.boxes)
        for area in self._zones:
            inside = tracks.ids[area.area.trigger(present)]
            events += self._visit(area, frame, time_s, inside)
        return events

    def finish(self) -> list[CountEvent]:
        """Return an exit for each person in a zone when the camera ends."""
        return [event for zone in self._zones for event in self._leave(zone, np.inf)]

    def _remember(self, time_s: float, tracks: Tracks, identities: IntArray | None) -> None:
        kept = ~np.isin(self._ids, tracks.ids) & (self._seen_s >= time_s - _HOLD_S)
        who = np.zeros(len(tracks), np.int64) if identities is None else identities
        self._ids = np.append(tracks.ids, self._ids[kept])
        self._boxes = np.concatenate([tracks.boxes, self._boxes[kept]])
        self._classes = np.append(tracks.classes, self._classes[kept])
        self._identities = np.append(who, self._identities[kept])
        self._seen_s = np.append(np.full(len(tracks), time_s), self._seen_s[kept])

    def _visit(self, zone: _Zone, frame: int, time_s: float, inside: IntArray) -> list[CountEvent]:
        """Update who is in a zone; returns who entered and who left."""
        still = np.isin(zone.ids, inside)
        zone.last_s[still], zone.last_frame[still] = time_s, frame
        exits = self._leave(zone, time_s - _GRACE_S)
        new = inside[~np.isin(inside, zone.ids)]
        zone.ids = np.append(zone.ids, new)
        zone.entered_s = np.append(zone.entered_s, np.full(len(new), time_s))
        zone.last_s = np.append(zone.last_s, np.full(len(new), time_s))
        zone.last_frame = np.append(zone.last_frame, np.full(len(new), frame))
        name = zone.place.name
        return exits + [self._event("enter", name, one, frame, time_s) for one in new.tolist()]

    def _leave(self, zone: _Zone, before_s: float) -> list[CountEvent]:
        """End the visits of people last seen in the zone before a time."""
        gone = zone.last_s < before_s
        exits = []
        for row in np.flatnonzero(gone).tolist():
            last_s, frame = float(zone.last_s[row]), int(zone.last_frame[row])
            dwell_s = last_s - float(zone.entered_s[row])
            track = int(zone.ids[row])
            event = self._event("exit", zone.place.name, track, frame, last_s)
            exits.append(replace(event, dwell_s=dwell_s))
        zone.keep(~gone)
        return exits

    def _event(
        self, kind: CountKind, place: str, track: int, frame: int, time_s: float
    ) -> CountEvent:
        row = np.flatnonzero(self._ids == track)[:1]
        identity = int(self._identities[row].sum())
        number = int(self._classes[row].sum())
        return CountEvent(self._camera, frame, time_s, place, kind, track, identity, number)
