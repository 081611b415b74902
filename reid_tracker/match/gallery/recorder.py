"""Records what a run finds in a gallery: sightings, events and pictures.

A run numbers its tracks from 1 and its time from 0. A gallery holds many runs, so records get ids
that are unique beyond the run, and UTC times.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, field

from reid_tracker.errors import StoreError
from reid_tracker.match.decide.matcher import CrossCameraMatcher
from reid_tracker.match.gallery.records import EventRecord, SightingRecord
from reid_tracker.match.gallery.writer import GalleryWriter
from reid_tracker.types import Embeddings, IdentityEvent, Member

logger = logging.getLogger(__name__)

PictureOf = Callable[[str, int], bytes | None]
"""Returns the encoded picture of a track of a camera; None if there is no new one."""

_EVERY_S = 5.0
_SLACK_S = 1.0
"""Cameras are read in turn: a frame may be this much older than the newest one."""


@dataclass
class RunLink:
    """Makes the records of one run.

    Attributes:
        run: text that no other run in the gallery has, such as a random one.
        model: space of the embeddings, see `SightingRecord`.
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
        """Make the record of a tracklet; a later record of the tracklet replaces it.

        The span is in seconds of the run; see `SightingRecord` for the other values.

        Raises:
            InputError: a value is not allowed.
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
        """Make the record of an event; call it once for each event, in their order.

        Raises:
            InputError: a value is not allowed.
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


class RunRecorder:
    """Queues for the gallery what has changed in a run, every few seconds.

    Args:
        matcher: knows the tracklets of the run.
        writer: to the gallery.
        link: makes the records.
        picture_of: returns pictures to store; None stores none.

    Attributes:
        failure: the error after which nothing more is stored; None if there was none.
    """

    def __init__(
        self,
        matcher: CrossCameraMatcher,
        writer: GalleryWriter,
        link: RunLink,
        picture_of: PictureOf | None = None,
    ) -> None:
        self._matcher = matcher
        self._writer = writer
        self._link = link
        self._picture_of = picture_of
        self._every_s = min(_EVERY_S, matcher.config.memory_s / 2)
        self._last_s = math.inf
        self._stored: dict[Member, tuple[float, int]] = {}
        self._events: list[IdentityEvent] = []
        self.failure: StoreError | None = None

    def add(self, event: IdentityEvent) -> None:
        """Record an event, in the numbers of the gallery, at the next `store`."""
        self._events.append(event)

    def is_due(self, now_s: float) -> bool:
        """Tell whether it is time to call `store`; the first call starts the clock."""
        self._last_s = min(self._last_s, now_s)
        return now_s - self._last_s >= self._every_s

    def store(self, now_s: float, number_of: Callable[[int], int]) -> None:
        """Queue what has changed since the last call.

        `number_of` returns the gallery's number of an identity of the run, 0 if it has none.
        """
        since_s, self._last_s = self._last_s - _SLACK_S, now_s
        cameras = self._matcher.cameras()
        stored: dict[Member, tuple[float, int]] = {}
        sightings, crops = [], {}
        for tracklet in self._matcher.tracklets(since_s=since_s):
            member = (cameras[tracklet.camera], tracklet.track)
            identity = number_of(tracklet.identity)
            state = stored[member] = (tracklet.span_s[1], identity)
            picture = self._picture_of(*member) if self._picture_of else None
            if picture is None and self._stored.get(member) == state:
                continue
            one = self._link.sighting(
                cameras[tracklet.camera],
                tracklet.track,
                identity,
                span_s=tracklet.span_s,
                embeddings=tracklet.prototypes,
                quality=min(tracklet.quality, 1.0),
            )
            sightings.append(one)
            if picture is not None:
                crops[one.id] = picture
        self._stored = stored
        events, self._events = self._events, []
        if self.failure is None and (sightings or events):
            records = [self._link.event(event) for event in events]
            try:
                self._writer.put(sightings, records, crops)
            except StoreError as error:
                self.fail(error)

    def fail(self, error: StoreError) -> None:
        """Go on without a gallery that will not come back; `run` raises the error at the end."""
        if self.failure is None:
            logger.error("%s; tracking continues, nothing more is stored", error)
            self.failure = error
