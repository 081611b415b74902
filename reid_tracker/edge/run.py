"""The flow of a camera host: frames to tracks, tracks to messages, messages to a broker."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple, get_args

from reid_tracker.edge.camera import EdgeCamera
from reid_tracker.edge.pictures import SmallPictures
from reid_tracker.edge.reporter import MessageNumbers, Reported, TrackletReporter
from reid_tracker.errors import MessageError
from reid_tracker.monitor import Health, Reading
from reid_tracker.pipeline import Pipeline
from reid_tracker.run.rotating import EdgeOutputs
from reid_tracker.transport import Message, Sender, Spool, TrackletMessage
from reid_tracker.transport.wire.messages import CameraState
from reid_tracker.types import FrameResult
from reid_tracker.video import Source

logger = logging.getLogger(__name__)

_STUCK_S = 30.0
"""A round of the flow, that is a batch of frames, takes far less."""


class Changes(NamedTuple):
    """What is to change about the cameras of a run.

    Attributes:
        added: open sources.
        removed: names.
    """

    added: Sequence[Source]
    removed: Sequence[str]


class EdgeRun:
    """Runs a pipeline over sources and sends what it finds, pictures only where it has `pictures`.

    Everything happens in the thread that calls `run`, but for `health` and `readings`, which any
    thread may ask.

    Args:
        pipeline: gives results with looks.
        sources: open sources; not closed here.
        sender: takes the messages; not closed here.
        numbers: of the messages.
        settings: what the messages of all cameras share.
        start_s: UTC seconds since 1970 at time 0 of files.
        spool: of the sender, to tell how full it is.
        held: a context in which no signal interrupts.
        alive: called in every round of the flow, about twice a second or more often.
        changes: asked in every round for sources to add, and names of those to remove before; these
            may be closed already.
        outputs: files of this host, begun for `sources`; not closed here.
        pictures: what `settings.picture_of` takes from.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        sources: Sequence[Source],
        sender: Sender,
        numbers: MessageNumbers,
        settings: Reported,
        *,
        start_s: float,
        spool: Spool | None = None,
        held: Callable[[], AbstractContextManager[None]] = nullcontext,
        alive: Callable[[], object] = lambda: None,
        changes: Callable[[], Changes | None] = lambda: None,
        outputs: EdgeOutputs | None = None,
        pictures: SmallPictures | None = None,
    ) -> None:
        self._pipeline, self._sender, self._start_s = pipeline, sender, start_s
        self._sources = {source.name: source for source in sources}
        self._numbers, self._settings, self._spool = numbers, settings, spool
        self._held, self._alive, self._changes = held, alive, changes
        self._outputs, self._pictures = outputs, pictures
        self._highest: dict[str, int] = {}
        self._cameras = {source.name: EdgeCamera(source, start_s) for source in sources}
        self._reporters = {
            name: TrackletReporter(name, numbers, settings) for name in self._cameras
        }
        self._round_s = time.monotonic()
        self._tracks = dict.fromkeys(self._cameras, 0)
        self.tracklets = self.ended = 0

    @property
    def frames(self) -> dict[str, int]:
        """Frames that went through, by camera."""
        return {name: camera.processed for name, camera in self._cameras.items()}

    def run(self) -> None:
        """Follow people until every source has ended; `finish` is to be called after, always.

        Raises:
            ReidTrackerError: a source or a stage breaks.
        """
        self._send([self._numbers.host_status("started")])
        for result in self._pipeline.run(list(self._sources.values()), self._between):
            with self._held():
                self._take(result)

    def finish(self, reason: str) -> None:
        """Tell that all tracklets have ended, that the cameras are off, and this host, too.

        Args:
            reason: why, in words.
        """
        for name, reporter in self._reporters.items():
            self._send(reporter.finish())
            self._cameras[name].end(reason)
            self._tracks[name] = 0
        self._tell_states()
        self._send([self._numbers.host_status("stopped", reason)])

    def health(self) -> Health:
        """Tell whether the flow goes on; a broker or a camera that is away does not stop it."""
        stuck_s = time.monotonic() - self._round_s
        cameras = {}
        for name, camera in self._cameras.items():
            state, reason = camera.state
            cameras[name] = {"state": state, "reason": reason}
        details = {
            "edge": self._numbers.edge,
            "boot": self._numbers.boot,
            "last_round_s": round(stuck_s, 1),
            "broker": self._sender.away or "up",
            "disk": self._sender.disk or "up",
            "waiting": self._sender.pending,
            "cameras": cameras,
        }
        return Health(stuck_s < _STUCK_S, details)

    def readings(self) -> Iterator[Reading]:
        """Return counts and states for `reid_tracker.monitor.Metrics`."""
        for name, camera in self._cameras.items():
            counts, label = camera.counts(), (name,)
            yield Reading("frames_total", camera.processed, label)
            yield Reading("frames_dropped_total", counts.dropped, label)
            yield Reading("frames_damaged_total", counts.damaged, label)
            yield Reading("reconnects_total", counts.reconnects, label)
            yield Reading("clock_jumps_total", counts.clock_jumps, label)
            now = camera.state[0]
            yield Reading("camera_up", now == "live", label)
            for state in get_args(CameraState):
                yield Reading("camera_state", now == state, (name, state))
            yield Reading("tracks", self._tracks[name], label)
            if counts.frame_age_s is not None:
                yield Reading("frame_age_seconds", counts.frame_age_s, label)
            if counts.clock_offset_s is not None:
                yield Reading("clock_offset_seconds", counts.clock_offset_s, label)
        yield Reading("tracklets_published_total", self.tracklets)
        yield Reading("messages_sent_total", self._sender.counts.sent)
        yield Reading("broker_up", not self._sender.away)
        yield Reading("memory_messages", self._sender.in_memory)
        if self._spool is not None:
            yield Reading("spool_messages", self._spool.pending)
            yield Reading("spool_bytes", self._spool.pending_bytes)
            lost = self._spool.dropped_full + self._spool.dropped_old
            yield Reading("spool_dropped_total", lost + self._sender.counts.dropped)

    def _take(self, result: FrameResult) -> None:
        camera, reporter = self._cameras[result.camera], self._reporters[result.camera]
        time_s = camera.take(result.frame)
        if self._pictures is not None:
            self._pictures.write(reporter.as_told(result, time_s))
        self._send(reporter.update(result, time_s, camera.clock))
        self._tracks[result.camera] = reporter.tracks
        if self._outputs is not None:
            with self._pipeline.times.measure("write"):
                self._outputs.write(reporter.as_told(result, time_s))

    def _between(self) -> None:
        self._round_s = time.monotonic()
        self._alive()
        with self._held():
            if (changes := self._changes()) is not None:
                self._change(changes)
            for name, camera in self._cameras.items():
                if not self._sources_go_on(name):
                    self._send(self._reporters[name].finish())
                    camera.end("ended")
                elif (now_s := camera.silent_now()) is not None:
                    self._send(self._reporters[name].no_frame_until(now_s))
                self._tracks[name] = self._reporters[name].tracks
            self._tell_states()
            if self._outputs is not None:
                self._outputs.tick()

    def _change(self, changes: Changes) -> None:
        for name in changes.removed:
            self._remove(name)
        for source in changes.added:
            self._add(source)
        if self._outputs is not None and (changes.added or changes.removed):
            self._outputs.change(list(self._sources.values()))

    # Other threads may be reading the cameras: they are replaced, not changed.

    def _remove(self, name: str) -> None:
        reporter = self._reporters.pop(name)
        self._send(reporter.finish())
        if self._pictures is not None:
            self._pictures.forget(name)
        self._highest[name] = reporter.highest
        self._cameras[name].end("removed")
        self._tell_states()
        self._pipeline.remove(name)
        self._cameras = {one: kept for one, kept in self._cameras.items() if one != name}
        del self._sources[name]

    def _add(self, source: Source) -> None:
        name = source.name
        self._pipeline.add(source)
        self._sources[name] = source
        # Its tracks are numbered from 1, but a number means one person since the start.
        first = self._highest.get(name, 0)
        self._reporters[name] = TrackletReporter(name, self._numbers, self._settings, first)
        self._tracks = {**self._tracks, name: 0}
        start_s = time.time() if source.live else self._start_s
        self._cameras = {**self._cameras, name: EdgeCamera(source, start_s)}

    def _sources_go_on(self, name: str) -> bool:
        """Tell whether a file has frames left; cameras always may."""
        return self._sources[name].live or not self._pipeline.is_over(name)

    def _tell_states(self) -> None:
        every_s = self._settings.edge.status_every_s
        news = [one.news(self._numbers, every_s) for one in self._cameras.values()]
        self._send(one for one in news if one is not None)

    def _send(self, messages: Iterable[Message]) -> None:
        for message in messages:
            try:
                self._sender.send(message)
            except MessageError as error:
                logger.warning("a message is left out: %s", error)
                continue
            if isinstance(message, TrackletMessage):
                self.tracklets += 1
                self.ended += message.state == "end"
                if self._outputs is not None and message.state == "new":
                    self._outputs.expect(message.camera, message.track)
