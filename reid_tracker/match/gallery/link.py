"""From what a run knows to what a gallery keeps: ids that hold beyond the run, and UTC times.

A run numbers its tracks from 1 and its time from 0; a gallery holds many runs.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from reid_tracker.match.gallery.records import EventRecord, SightingRecord
from reid_tracker.types import Embeddings, IdentityEvent


@dataclass
class RunLink:
    """Names the records of one run.

    Attributes:
        run: text that no other run in the gallery has: host and start, say, or a random one.
        model: hash of the encoder's weights.
        site: name of the place, may be empty.
        start_s: UTC seconds since 1970 at time 0 of the run.
    """

    run: str
    model: str
    site: str = ""
    start_s: float = 0.0
    _events: int = field(default=0, init=False)

    def sighting_id(self, camera: str, track: int) -> str:
        """Return the id under which a tracklet of this run is stored."""
        return f"{self.run}/{camera}/{track}"

    def sighting(
        self,
        camera: str,
        track: int,
        identity: int,
        *,
        span_s: tuple[float, float],
        embeddings: Embeddings,
        quality: float,
    ) -> SightingRecord:
        """Make the record of a tracklet; made again as it goes on, it replaces the one before.

        Args:
            camera: name.
            track: number that the camera's tracker gave it.
            identity: who it is now; 0 while that is open.
            span_s: first and last time seen, seconds of the run.
            embeddings: (P, D) float32 unit rows, P >= 1.
            quality: 0 to 1.

        Raises:
            InputError: a value does not fit.
        """
        return SightingRecord(
            id=self.sighting_id(camera, track),
            identity=identity,
            camera=camera,
            site=self.site,
            start_s=self.start_s + span_s[0],
            end_s=self.start_s + span_s[1],
            embeddings=embeddings,
            quality=quality,
            model=self.model,
        )

    def event(self, event: IdentityEvent) -> EventRecord:
        """Make the record of an event of this run; call it once for each, in their order.

        Raises:
            InputError: a value does not fit.
        """
        self._events += 1
        return EventRecord(
            id=f"{self.run}/event {self._events}",
            kind=event.kind,
            identity=event.identity,
            time_s=self.start_s + event.time_s,
            previous=event.previous_ids,
            sightings=tuple(self.sighting_id(camera, track) for camera, track in event.members),
            reason=event.reason,
            score=event.score,
        )
