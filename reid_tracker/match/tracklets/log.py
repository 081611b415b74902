"""Where and when people were seen in a whole run, with their identities at its end."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from reid_tracker.arrays import FloatArray
from reid_tracker.match.places.ground import GroundPlane
from reid_tracker.match.places.transit import Sighting
from reid_tracker.types import FrameResult, IdentityEvent, Member

_STEP_S = 0.5


@dataclass
class _Entry:
    first_s: float
    last_s: float
    places: list[tuple[float, float, float]] = field(default_factory=list)
    covariances: list[FloatArray] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class FloorPath:
    """Where a person walked while one camera saw them.

    Attributes:
        camera: its name.
        identity: number of the person.
        places: (K, 3) time in seconds, x and y in metres on the ground plane; K >= 1, by time.
        covariances: (K, 2, 2) of x and y, square metres.
    """

    camera: str
    identity: int
    places: FloatArray
    covariances: FloatArray


class SightingLog:
    """Records the time span of every tracklet of a run, and its position every half second.

    Unlike the matcher, it forgets nothing.

    Args:
        ground: homographies; None records no paths.

    Attributes:
        end_s: time of the latest frame, seconds; -inf before the first.
    """

    def __init__(self, ground: GroundPlane | None = None) -> None:
        self._ground = ground
        self._entries: dict[Member, _Entry] = {}
        self._identity: dict[Member, tuple[int, float]] = {}
        self.end_s = -math.inf

    def add(self, result: FrameResult) -> None:
        """Record one frame and its events."""
        self.take(result.events)
        time_s = result.frame.timestamp_s
        self.end_s = max(self.end_s, time_s)
        tracks = result.tracks
        for track in tracks.ids.tolist():
            entry = self._entries.setdefault((result.camera, track), _Entry(time_s, time_s))
            entry.last_s = time_s
        if self._ground is None:
            return
        seen = tracks[tracks.observed]
        metres, covariances = self._ground.locate(result.camera, seen.boxes)
        for track, (x, y), covariance in zip(
            seen.ids.tolist(), metres.tolist(), covariances, strict=True
        ):
            entry = self._entries[result.camera, track]
            due = not entry.places or time_s - entry.places[-1][0] >= _STEP_S - 1e-6
            if due and math.isfinite(x) and math.isfinite(y):
                entry.places.append((time_s, x, y))
                entry.covariances.append(covariance)

    def take(self, events: Iterable[IdentityEvent]) -> None:
        """Record events, also those that come without a frame."""
        for event in events:
            self._identity.update(dict.fromkeys(event.members, (event.identity, event.score)))

    def sightings(self) -> list[Sighting]:
        """Return the sightings of known people, by start, camera and identity."""
        found = []
        for member, entry in self._entries.items():
            identity, score = self._identity.get(member, (0, 0.0))
            if identity:
                found.append(Sighting(member[0], identity, entry.first_s, entry.last_s, score))
        return sorted(found, key=lambda item: (item.first_s, item.camera, item.identity))

    def paths(self) -> list[FloorPath]:
        """Return where known people walked, by identity, camera and time."""
        found = []
        for member, entry in self._entries.items():
            identity = self._identity.get(member, (0, 0.0))[0]
            if identity and entry.places:
                found.append(
                    FloorPath(
                        member[0], identity, np.array(entry.places), np.array(entry.covariances)
                    )
                )
        return sorted(found, key=lambda path: (path.identity, path.camera, path.places[0, 0]))
