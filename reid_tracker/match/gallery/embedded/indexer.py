"""Builds the index of a gallery in memory and keeps it up to date, in a thread beside the store."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import AbstractContextManager

from reid_tracker.match.gallery.embedded.memory import VectorMemory
from reid_tracker.match.gallery.vector_index import VectorIndex, is_available

logger = logging.getLogger(__name__)


class Indexer:
    """Gives a memory an index as soon as it is large enough, and adds what is written later.

    A thread works only while there is something to do. Searches go on meanwhile, and compare
    exactly what the index does not cover yet.

    Args:
        lock: held while the memory is read or changed.
    """

    def __init__(self, lock: AbstractContextManager[object]) -> None:
        self._lock = lock
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._given_up = False

    def tend(self, memory: VectorMemory) -> None:
        """Start the thread if the memory needs an index, or more in it; the lock is held."""
        working = self._thread is not None and self._thread.is_alive()
        if working or self._given_up or self._stop.is_set() or not memory.needs_index():
            return
        if not is_available():
            self._given_up = True
            logger.warning(
                "the gallery holds %d embeddings, and each search compares all of them; "
                "pip install 'reid-tracker[index]' makes searches fast",
                len(memory),
            )
            return
        self._thread = threading.Thread(
            target=self._work, args=(memory,), name="gallery-indexer", daemon=True
        )
        self._thread.start()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the index is up to date; False if that takes longer."""
        if self._thread is not None:
            self._thread.join(timeout_s)
        return self._thread is None or not self._thread.is_alive()

    def close(self) -> None:
        """End the thread; the lock is not held."""
        self._stop.set()
        self.wait()

    def _work(self, memory: VectorMemory) -> None:
        try:
            self._train(memory)
            while not self._stop.is_set():
                start = time.monotonic()
                with self._lock:
                    if not memory.add_to_index():
                        return
                # Whoever waits for the lock gets it.
                self._stop.wait((time.monotonic() - start) / 4)
        except (MemoryError, RuntimeError) as error:  # faiss raises RuntimeError
            self._given_up = True
            with self._lock:
                memory.drop_index()
            logger.warning("the index of the gallery failed: %s; searches compare all", error)

    def _train(self, memory: VectorMemory) -> None:
        with self._lock:
            sample, rows = memory.sample(), len(memory)
        if sample is not None:
            index = VectorIndex(sample, rows)
            with self._lock:
                memory.use(index)
