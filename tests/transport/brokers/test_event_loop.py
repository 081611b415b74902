"""Coroutines for threads without a loop: results, errors, time-outs, and the end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from reid_tracker.transport.brokers.event_loop import LoopThread


@pytest.fixture
def loop() -> Iterator[LoopThread]:
    made = LoopThread("test")
    yield made
    made.close()


async def _value(number: int) -> int:
    await asyncio.sleep(0)  # lets others run first
    return number


async def _fails() -> None:
    raise KeyError("inside")


async def _never(cancelled: threading.Event) -> None:
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        cancelled.set()
        raise


def test_results_and_errors_reach_the_caller(loop: LoopThread) -> None:
    assert loop.run(_value(3), 30) == 3
    with pytest.raises(KeyError, match="inside"):
        loop.run(_fails(), 30)


def test_a_coroutine_that_takes_too_long_is_cancelled(loop: LoopThread) -> None:
    cancelled = threading.Event()
    with pytest.raises(TimeoutError, match=r"no answer within 0\.01 s"):
        loop.run(_never(cancelled), 0.01)
    assert cancelled.wait(30)
    assert loop.run(_value(1), 30) == 1


def test_coroutines_begin_in_order(loop: LoopThread) -> None:
    begun: list[int] = []

    async def note(number: int) -> None:
        begun.append(number)

    futures = [loop.start(note(number)) for number in range(100)]
    for future in futures:
        loop.wait(future, 30)
    assert begun == list(range(100))


def test_closing_ends_what_still_runs() -> None:
    loop = LoopThread("test")
    cancelled = threading.Event()
    waiting = loop.start(_never(cancelled))
    loop.run(_value(1), 30)
    loop.close()
    assert cancelled.wait(30)
    with pytest.raises(TimeoutError):
        loop.wait(waiting, 30)
    with pytest.raises(TimeoutError, match="was closed"):
        loop.run(_value(2), 30)
    loop.close()
