"""Receives the messages of camera hosts, like the centre, to compare them with the gallery."""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from collections.abc import Callable

from reid_tracker.config import TransportConfig
from reid_tracker.errors import TransportUnavailableError
from reid_tracker.transport import (
    CameraMessage,
    Receiver,
    TrackletMessage,
    open_broker,
    pattern_of,
)
from tests.waiting import PATIENCE_S

Key = tuple[str, str, str, int]
"""Edge, boot, camera and track."""


class Observer:
    """Receives the messages of camera hosts under its own durable name."""

    def __init__(self, config: TransportConfig, site: str) -> None:
        self._broker = open_broker(config)
        pattern = pattern_of("tracklet", site).removesuffix("tracklet") + "*"
        self._receiver = Receiver(self._broker.subscribe(pattern, "observer"), gaps=True)
        self.tracklets: list[TrackletMessage] = []
        self.states: list[CameraMessage] = []

    @property
    def missing(self) -> int:
        """Number of messages that did not come although later ones did."""
        return self._receiver.counts.missing

    def take(self, timeout_s: float = 0.2) -> None:
        """Receive all waiting messages; none while the broker is away."""
        with contextlib.suppress(TransportUnavailableError):
            while (got := self._receiver.receive(timeout_s)) is not None:
                if isinstance(got.message, TrackletMessage):
                    self.tracklets.append(got.message)
                elif isinstance(got.message, CameraMessage):
                    self.states.append(got.message)
                got.ack()

    def until(self, true: Callable[[], object], what: str) -> None:
        """Receive until a condition holds."""
        deadline = time.monotonic() + PATIENCE_S
        while not true():
            assert time.monotonic() < deadline, f"not within {PATIENCE_S} s: {what}"
            self.take(0.05)

    def in_order(self) -> list[TrackletMessage | CameraMessage]:
        """Return the messages of a start sorted by their numbers."""
        told: list[TrackletMessage | CameraMessage] = [*self.tracklets, *self.states]
        return sorted(told, key=lambda one: one.edge_seq)

    def last(self) -> dict[Key, TrackletMessage]:
        """Return the last message of each tracklet."""
        newest: dict[Key, TrackletMessage] = {}
        for one in sorted(self.tracklets, key=lambda one: one.edge_seq):
            newest[one.key] = one
        return newest

    def ended(self) -> set[Key]:
        return {one.key for one in self.tracklets if one.state == "end"}

    def open(self, boot: str | None = None) -> set[Key]:
        """Return tracklets without an end, of one start or of all."""
        return {key for key in self.last() if key not in self.ended() and boot in {None, key[1]}}

    def open_at(self, camera: str) -> set[Key]:
        """Return tracklets of a camera without an end."""
        return {key for key in self.open() if key[2] == camera}

    def boots(self) -> list[str]:
        """Return the boot ids of camera hosts in the order of their first messages."""
        return list(dict.fromkeys(one.boot for one in self.states))

    def over(self) -> bool:
        """Return whether every camera of the last start of each camera host has ended."""
        last = {one.edge: one.boot for one in self.states}
        newest: dict[tuple[str, str], CameraMessage] = {}
        for one in sorted(self.states, key=lambda one: one.edge_seq):
            if last[one.edge] == one.boot:
                newest[one.edge, one.camera] = one
        return all(one.reason in {"stopped", "ended", "removed"} for one in newest.values())

    def check_numbers(self, missing: int = 0) -> None:
        """Check that every number of each start came once, except those of dropped messages."""
        numbers: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        for one in self.in_order():
            numbers[one.edge, one.boot].append(one.edge_seq)
        for got in numbers.values():
            assert len(set(got)) == len(got)
        assert sum(max(got) + 1 - len(got) for got in numbers.values()) == missing
        assert self.missing == missing

    def close(self) -> None:
        self._broker.close()
