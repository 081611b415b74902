"""Sent messages are counted; messages that are too large are dropped."""

from __future__ import annotations

from pathlib import Path

import pytest

from reid_tracker.edge.outbox import Outbox
from reid_tracker.errors import TransportUnavailableError
from reid_tracker.transport import Broker, MemoryBroker, Message, Sender, Spool
from reid_tracker.transport.wire import codec
from tests.transport.samples import PICTURE, host, status, tracklet
from tests.waiting import PATIENCE_S


def test_tracklets_are_counted_and_returned() -> None:
    broker = MemoryBroker()
    with Sender("hall", lambda: broker) as sender:
        outbox = Outbox(sender)
        messages: list[Message] = [host(), status(0), tracklet(1), tracklet(2, state="end")]
        assert outbox.send(messages) == messages[2:]
        assert (outbox.tracklets, outbox.ended) == (2, 1)
        assert sender.wait_sent(PATIENCE_S)
        readings = {one.name: one.value for one in outbox.readings()}
        assert readings["tracklets_published_total"] == 2
        assert readings["messages_sent_total"] == 4
        assert "spool_messages" not in readings
        assert outbox.details() == {"broker": "up", "disk": "up", "waiting": 0}


def test_a_message_that_is_too_large_is_left_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(codec, "MAX_MESSAGE_BYTES", 900)
    broker = MemoryBroker()
    with Sender("hall", lambda: broker) as sender:
        outbox = Outbox(sender)
        small = tracklet(1)
        assert outbox.send([tracklet(0, picture=PICTURE), small]) == [small]
        assert "dropped a message" in caplog.text


def test_the_spool_is_read_too(tmp_path: Path) -> None:
    def away() -> Broker:
        raise TransportUnavailableError("nobody answers")

    with Spool(tmp_path / "spool.sqlite") as spool, Sender("hall", away, spool) as sender:
        outbox = Outbox(sender, spool)
        outbox.send([tracklet(0), tracklet(1)])
        assert sender.wait_stored(30)
        readings = {one.name: one.value for one in outbox.readings()}
        assert readings["spool_messages"] == 2
        assert readings["spool_bytes"] > 0
        assert readings["spool_dropped_total"] == 0
