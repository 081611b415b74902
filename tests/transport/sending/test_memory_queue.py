"""The queue in memory: numbers, capacity, and removal."""

from __future__ import annotations

import threading

import pytest

from reid_tracker.transport.brokers.base import Outgoing
from reid_tracker.transport.sending.memory_queue import MessageQueue


def message(number: int, size: int = 10) -> Outgoing:
    return Outgoing(f"e/b/{number}", "subject", bytes(size))


def test_numbers_rise_and_the_oldest_come_first() -> None:
    queue = MessageQueue(1000)
    for number in range(5):
        queue.put(message(number))
    first = queue.first(3)
    assert [one.message.message_id for one in first] == ["e/b/0", "e/b/1", "e/b/2"]
    assert [one.number for one in first] == sorted({one.number for one in first})
    queue.forget(first[-1].number)
    assert [one.message.message_id for one in queue.first(9)] == ["e/b/3", "e/b/4"]


def test_the_oldest_are_dropped_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    queue = MessageQueue(35)
    for number in range(10):
        queue.put(message(number))
    assert len(queue) == 3
    assert queue.dropped == 7
    assert len(caplog.records) == 1
    queue.put(message(10, size=1000))  # the newest is kept, however large
    assert [one.message.message_id for one in queue.first(9)] == ["e/b/10"]


def test_forgetting_messages_that_were_dropped_meanwhile() -> None:
    queue = MessageQueue(35)
    for number in range(3):
        queue.put(message(number))
    stored = queue.first(2)
    for number in range(3, 6):
        queue.put(message(number))
    queue.forget(stored[-1].number)
    assert [one.message.message_id for one in queue.first(9)] == ["e/b/3", "e/b/4", "e/b/5"]


def test_changes_wake_waiting_threads() -> None:
    queue = MessageQueue(1000)
    waiting, seen = threading.Event(), threading.Event()

    def wait() -> None:
        with queue.changed:
            waiting.set()
            if queue.changed.wait_for(lambda: len(queue), 30):
                seen.set()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    assert waiting.wait(30)
    queue.put(message(0))
    assert seen.wait(30)
    thread.join(30)
