"""The reading thread: it connects again after every loss, and waits longer after failures."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import pytest

from reid_tracker.config import StreamConfig
from reid_tracker.video import live_reader
from reid_tracker.video.address import StreamAddress
from reid_tracker.video.connection import ConnectionBroken, DecodedPicture
from reid_tracker.video.live_reader import LiveReader, wait_before_retry_s

QUICK = StreamConfig(reconnect_after_s=0.01, reconnect_most_s=0.02, hardware="none")
ADDRESS = StreamAddress("rtsp://door", "rtsp://door")
PICTURE = DecodedPicture(None, None, None)  # type: ignore[arg-type]


class Events:
    """An observer that queues what it is told."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()

    def next(self) -> tuple[Any, ...]:
        return self._queue.get(timeout=60)

    def connected(self) -> None:
        self._queue.put(("connected",))

    def take(self, picture: DecodedPicture, frame_rate: Fraction | None, damaged: int) -> None:
        self._queue.put(("picture", frame_rate, damaged))

    def lost(self, reason: str) -> None:
        self._queue.put(("lost", reason))

    def ended(self) -> None:
        self._queue.put(("ended",))

    def failed(self, error: BaseException) -> None:
        self._queue.put(("failed", type(error)))


def connect_with(
    patches: pytest.MonkeyPatch, read: Callable[[], Iterator[DecodedPicture]]
) -> list[Any]:
    """Replace connections by ones that read with `read`; returns those that were closed."""
    closed: list[Any] = []

    class Connection:
        frame_rate = Fraction(10)
        damaged = 2

        def __init__(self, address: StreamAddress, config: StreamConfig) -> None:
            pass

        def pictures(self) -> Iterator[DecodedPicture]:
            return read()

        def close(self) -> None:
            closed.append(self)

    patches.setattr(live_reader, "Connection", Connection)
    return closed


def raising(error: BaseException) -> Callable[[], Iterator[DecodedPicture]]:
    def read() -> Iterator[DecodedPicture]:
        raise error

    return read


def test_reads_connects_again_and_adds_damage_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def read() -> Iterator[DecodedPicture]:
        yield PICTURE
        raise ConnectionBroken("the stream ended")

    closed = connect_with(monkeypatch, read)
    events = Events()
    reader = LiveReader(ADDRESS, "door", QUICK, events)
    for damaged in (2, 4, 6):
        assert events.next() == ("connected",)
        assert events.next() == ("picture", Fraction(10), damaged)
        assert events.next() == ("lost", "the stream ended")
    reader.stop()
    assert len(closed) >= 3


def test_a_recording_is_not_opened_again(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = connect_with(monkeypatch, raising(ConnectionBroken("the stream ended", ended=True)))
    events = Events()
    reader = LiveReader(ADDRESS, "door", QUICK, events)
    assert events.next() == ("connected",)
    assert events.next() == ("ended",)
    reader.stop()
    assert len(closed) == 1


def test_whatever_reading_raises_is_a_loss_without_its_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connect_with(monkeypatch, raising(ValueError("rtsp://user:hunter2@door")))
    events = Events()
    reader = LiveReader(ADDRESS, "door", QUICK, events)
    assert events.next() == ("connected",)
    assert events.next() == ("lost", "unexpected ValueError while reading")
    reader.stop()


def test_an_error_of_this_program_ends_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    connect_with(monkeypatch, raising(SystemExit()))
    events = Events()
    LiveReader(ADDRESS, "door", QUICK, events)
    assert events.next() == ("connected",)
    assert events.next() == ("failed", SystemExit)


def test_waits_double_up_to_a_limit() -> None:
    config = StreamConfig(reconnect_after_s=0.5, reconnect_most_s=3.0, refused_after_s=20.0)
    waits = [wait_before_retry_s(config, failed, refused=False) for failed in (1, 2, 3, 4, 5000)]
    assert waits == [0.5, 1.0, 2.0, 3.0, 3.0]
    waits = [wait_before_retry_s(config, failed, refused=True) for failed in (1, 2, 4, 5, 99)]
    assert waits == [20.0, 40.0, 160.0, 200.0, 200.0]


def test_a_program_waits_for_a_read_that_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only so long that the time-out of the read ends it."""
    frozen = threading.Event()

    def read() -> Iterator[DecodedPicture]:
        frozen.wait()
        raise ConnectionBroken("no data")

    waits: list[tuple[Any, ...]] = []
    monkeypatch.setattr("atexit.register", lambda *call: waits.append(call))
    connect_with(monkeypatch, read)
    reader = LiveReader(ADDRESS, "door", QUICK, Events())
    reader.stop()
    ((join, limit_s),) = waits
    assert 5 <= limit_s <= 10
    frozen.set()
    join(60)
    assert not reader._thread.is_alive()
