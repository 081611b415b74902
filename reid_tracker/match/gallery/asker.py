"""Asks a gallery without blocking tracking.

A frozen database answers late or never. So a separate thread asks the questions. After the first
answer that is late, no question waits for an answer until the gallery has answered again.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from reid_tracker.errors import StoreUnavailableError
from reid_tracker.match.gallery.store import GalleryStore

logger = logging.getLogger(__name__)

_Answer = TypeVar("_Answer")

_MAX_PAUSE_S = 15.0


@dataclass
class _Question(Generic[_Answer]):
    ask: Callable[[GalleryStore], _Answer]
    done: threading.Event = field(default_factory=threading.Event)
    answer: _Answer | None = None
    error: BaseException | None = None


class PatientAsker:
    """Asks a store questions, one at a time; use it from one thread.

    As long as the store answers in time, `ask` waits for every answer, so that results do not
    depend on its speed.

    Args:
        store: is not closed here.
        patience_s: maximum time to wait for an answer.
        first_pause_s: time until an unavailable store is tried again; doubles up to 15 seconds.

    Attributes:
        away: the store has stopped answering.
    """

    def __init__(
        self, store: GalleryStore, *, patience_s: float = 3.0, first_pause_s: float = 0.5
    ) -> None:
        self._store = store
        self._patience_s = patience_s
        self._first_pause_s = self._pause_s = first_pause_s
        self._next_try = 0.0
        self._late: _Question[object] | None = None
        self.away = False
        self._questions: queue.SimpleQueue[_Question[object] | None] = queue.SimpleQueue()
        # A daemon, because a question that never returns must not keep the program running.
        threading.Thread(target=self._run, name="gallery-asker", daemon=True).start()

    def ask(self, question: Callable[[GalleryStore], _Answer]) -> _Answer | None:
        """Return the store's answer; None if the store is unavailable, at once if that is known.

        Args:
            question: calls the store and returns something other than None.

        Raises:
            StoreError: the store will not answer later either.
        """
        if self.away and not self._returned(question):
            return None
        asked: _Question[_Answer] = _Question(question)
        self._questions.put(asked)  # type: ignore[arg-type]  # whatever it answers
        if not asked.done.wait(self._patience_s):
            self._give_up(asked, f"it did not answer within {self._patience_s:g} s")
            return None
        if isinstance(asked.error, StoreUnavailableError):
            self._give_up(None, str(asked.error))
            return None
        if asked.error is not None:
            raise asked.error
        return asked.answer

    def close(self) -> None:
        """End the thread after its current question."""
        self._questions.put(None)

    def _returned(self, question: Callable[[GalleryStore], object]) -> bool:
        """Try an unavailable store without waiting; True once it has answered."""
        if self._late is not None and self._late.done.is_set():
            error, self._late = self._late.error, None
            if error is None:
                self.away, self._pause_s = False, self._first_pause_s
                return True
            if not isinstance(error, StoreUnavailableError):
                raise error
            self._next_try = time.monotonic() + self._pause_s
            self._pause_s = min(2 * self._pause_s, _MAX_PAUSE_S)
        if self._late is None and time.monotonic() >= self._next_try:
            # Its answer comes too late to be used; it only shows that the store is back.
            self._late = _Question(question)
            self._questions.put(self._late)
        return False

    def _give_up(self, late: _Question[_Answer] | None, why: str) -> None:
        self.away, self._late = True, late  # type: ignore[assignment]  # whatever it answers
        self._next_try = time.monotonic() + self._pause_s
        logger.info("people are not looked up in the gallery, because it is unavailable: %s", why)

    def _run(self) -> None:
        while (question := self._questions.get()) is not None:
            try:
                question.answer = question.ask(self._store)
            except BaseException as error:  # a value that the caller raises
                question.error = error
            question.done.set()
