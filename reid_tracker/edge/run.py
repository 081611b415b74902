"""The main loop of a camera host: frames to tracks, tracks to messages, messages to a broker."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass
from typing import NamedTuple

from reid_tracker.edge.camera import EdgeCamera
from reid_tracker.edge.outbox import Outbox
from reid_tracker.edge.reporter import MessageNumbers, Reported, TrackletReporter
from reid_tracker.monitor import Health, Reading
from reid_tracker.pipeline import Pipeline
from reid_tracker.run.rotating import EdgeOutputs
from reid_tracker.transport import Message
from reid_tracker.types import FrameResult
from reid_tracker.video import Source

_STUCK_S = 30.0
"""One round of the loop processes a batch of frames and takes far less."""


class Changes(NamedTuple):
    """Cameras to add to a run and to remove from it.

    Attributes:
        added: open sources.
        removed: names of cameras.
    """

    added: Sequence[Source]
    removed: Sequence[str]


class Hooks(NamedTuple):
    """Functions that the program around a run provides.

    Attributes:
        held: returns a context in which signals do not interrupt.
        alive: called in every round of the loop, at least about twice a second.
        changes: called in every round; returns cameras to add or remove. Removed ones may be closed
            already, and are removed before others are added.
    """

    held: Callable[[], AbstractContextManager[None]] = nullcontext
    alive: Callable[[], object] = lambda: None
    changes: Callable[[], Changes | None] = lambda: None


@dataclass
class _Station:
    """Objects of one camera of a run."""

    source: Source
    camera: EdgeCamera
    reporter: TrackletReporter
    tracks: int = 0


class EdgeRun:
    """Runs a pipeline over sources and sends the tracklets.

    All work is done in the thread that calls `run`. Any thread may call `health` and `readings`.

    Args:
        pipeline: a pipeline whose results have embeddings.
        sources: open sources; the caller closes them.
        outbox: sends the messages.
        numbers: numbers the messages.
        settings: settings of the messages.
        start_s: UTC seconds since 1970 at time 0 of files.
        hooks: functions of the program around this run.
        outputs: files of this host, opened for `sources`; the caller closes them.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        sources: Sequence[Source],
        outbox: Outbox,
        numbers: MessageNumbers,
        settings: Reported,
        *,
        start_s: float,
        hooks: Hooks | None = None,
        outputs: EdgeOutputs | None = None,
    ) -> None:
        self._pipeline = pipeline
        self._outbox = outbox
        self._numbers = numbers
        self._settings = settings
        self._start_s = start_s
        self._hooks = hooks or Hooks()
        self._outputs = outputs
        self._highest: dict[str, int] = {}
        # Replaced, never modified, since other threads read it.
        self._stations = {source.name: self._station(source, start_s) for source in sources}
        self._round_s = time.monotonic()

    @property
    def frames(self) -> dict[str, int]:
        """Number of frames that went through the pipeline, by camera."""
        return {name: one.camera.processed for name, one in self._stations.items()}

    def run(self) -> None:
        """Track people until every source has ended; always call `finish` afterwards.

        Raises:
            ReidTrackerError: a source or a stage of the pipeline fails.
        """
        self._send([self._numbers.host_status("started")])
        with closing(self._pipeline.run(self._sources(), self._between)) as results:
            for result in results:
                with self._hooks.held():
                    self._take(result)

    def finish(self, reason: str) -> None:
        """Report that all tracklets have ended, and that the cameras and this host have stopped.

        Args:
            reason: why the run ends.
        """
        for station in self._stations.values():
            self._send(station.reporter.finish())
            station.camera.end(reason)
            station.tracks = 0
        self._send_camera_states()
        self._send([self._numbers.host_status("stopped", reason)])

    def health(self) -> Health:
        """Return whether the loop is running; a missing broker or camera is not unhealthy."""
        stuck_s = time.monotonic() - self._round_s
        cameras = {}
        for name, station in self._stations.items():
            state, reason = station.camera.state
            cameras[name] = {"state": state, "reason": reason}
        details = {
            "edge": self._numbers.edge,
            "boot": self._numbers.boot,
            "last_round_s": round(stuck_s, 1),
            **self._outbox.details(),
            "cameras": cameras,
        }
        return Health(stuck_s < _STUCK_S, details)

    def readings(self) -> Iterator[Reading]:
        """Yield counts and states for `reid_tracker.monitor.Metrics`."""
        for name, station in self._stations.items():
            yield from station.camera.readings()
            yield Reading("tracks", station.tracks, (name,))
        yield from self._outbox.readings()

    def _station(self, source: Source, start_s: float) -> _Station:
        # A camera that is added again has a new tracker, which counts from 1. Within a run, a track
        # number must mean one person only.
        first = self._highest.get(source.name, 0)
        reporter = TrackletReporter(source.name, self._numbers, self._settings, first)
        return _Station(source, EdgeCamera(source, start_s), reporter)

    def _sources(self) -> list[Source]:
        return [station.source for station in self._stations.values()]

    def _take(self, result: FrameResult) -> None:
        station = self._stations[result.camera]
        camera, reporter = station.camera, station.reporter
        time_s = camera.take(result.frame)
        if self._settings.pictures is not None:
            self._settings.pictures.write(reporter.renumbered(result, time_s))
        self._send(reporter.update(result, time_s, camera.clock))
        station.tracks = reporter.tracks
        if self._outputs is not None:
            with self._pipeline.times.measure("write"):
                self._outputs.write(reporter.renumbered(result, time_s))

    def _between(self) -> None:
        self._round_s = time.monotonic()
        self._hooks.alive()
        with self._hooks.held():
            if (changes := self._hooks.changes()) is not None:
                self._change(changes)
            for name, station in self._stations.items():
                # A camera may always return; a file ends.
                if not station.source.live and self._pipeline.is_over(name):
                    self._send(station.reporter.finish())
                    station.camera.end("ended")
                elif (now_s := station.camera.silent_now()) is not None:
                    self._send(station.reporter.no_frame_until(now_s))
                station.tracks = station.reporter.tracks
            self._send_camera_states()
            if self._outputs is not None:
                self._outputs.tick()

    def _change(self, changes: Changes) -> None:
        for name in changes.removed:
            self._remove(name)
        for source in changes.added:
            self._pipeline.add(source)
            start_s = time.time() if source.live else self._start_s
            self._stations = {**self._stations, source.name: self._station(source, start_s)}
        if self._outputs is not None and (changes.added or changes.removed):
            self._outputs.change(self._sources())

    def _remove(self, name: str) -> None:
        station = self._stations[name]
        self._send(station.reporter.finish())
        if self._settings.pictures is not None:
            self._settings.pictures.forget(name)
        self._highest[name] = station.reporter.highest
        station.camera.end("removed")
        self._send_camera_states()
        self._pipeline.remove(name)
        self._stations = {one: kept for one, kept in self._stations.items() if one != name}

    def _send_camera_states(self) -> None:
        every_s = self._settings.edge.status_every_s
        for station in self._stations.values():
            message = station.camera.state_message(self._numbers, every_s)
            if message is not None:
                self._send([message])

    def _send(self, messages: Iterable[Message]) -> None:
        for tracklet in self._outbox.send(messages):
            if self._outputs is not None and tracklet.state == "new":
                self._outputs.expect(tracklet.camera, tracklet.track)
