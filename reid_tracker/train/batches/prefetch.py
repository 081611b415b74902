"""Prepares the next batches in threads while the current one is trained on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

ItemT = TypeVar("ItemT")
MadeT = TypeVar("MadeT")

_AHEAD = 2
"""Batches that each thread has in hand."""


def prefetch(
    make: Callable[[ItemT], MadeT], items: Sequence[ItemT], workers: int
) -> Generator[MadeT, None, None]:
    """Yield what a function makes of each item, in their order.

    Array operations release Python's lock, so threads work beside the training step, and share the
    decoded crops. What they make must depend on the item alone: then the number of threads changes
    nothing, and a run that was killed continues with the same batches.

    Args:
        make: called in a thread; its error is raised here, in its turn.
        items: what it is called with.
        workers: threads; 0 makes each batch when it is asked for.
    """
    if not workers:
        yield from map(make, items)
        return
    pending: deque[Future[MadeT]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="batches")
    try:
        for item in items:
            pending.append(pool.submit(make, item))
            if len(pending) > _AHEAD * workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
