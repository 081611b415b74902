"""An asyncio loop in its own thread, for client libraries that only have an asyncio interface.

Callers block for at most their timeout.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_STOP_S = 2.0


class LoopThread:
    """Runs coroutines for threads that have no event loop.

    Args:
        name: name of the thread.
    """

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T], timeout_s: float) -> T:
        """Return what a coroutine returns, or raise what it raises.

        Raises:
            TimeoutError: it took longer than `timeout_s` and was cancelled.
        """
        return self.wait(self.start(work), timeout_s)

    def wait(self, future: concurrent.futures.Future[T], timeout_s: float) -> T:
        """Like `run`, for a coroutine that `start` has started."""
        try:
            return future.result(timeout_s)
        except (TimeoutError, concurrent.futures.TimeoutError):
            raise TimeoutError(f"no answer within {timeout_s:g} s") from None
        except concurrent.futures.CancelledError:
            raise TimeoutError("the connection was closed") from None
        finally:
            future.cancel()  # has no effect on a finished future

    def start(self, work: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        """Start a coroutine without waiting for it; coroutines start in the order of the calls."""
        if self._loop.is_closed():
            work.close()
            cancelled: concurrent.futures.Future[T] = concurrent.futures.Future()
            cancelled.cancel()
            return cancelled
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def close(self) -> None:
        """End the thread and cancel all coroutines that still run in it."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_STOP_S)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
            if unfinished := asyncio.all_tasks(self._loop):
                for task in unfinished:
                    task.cancel()
                self._loop.run_until_complete(asyncio.wait(unfinished, timeout=1))
        finally:
            self._loop.close()
