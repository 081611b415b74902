"""Prepares the next batches in threads during the current training step."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch

ItemT = TypeVar("ItemT")
MadeT = TypeVar("MadeT")

_AHEAD = 2
"""Items queued for each thread."""


def prefetch(
    make: Callable[[ItemT], MadeT], items: Sequence[ItemT], workers: int
) -> Generator[MadeT, None, None]:
    """Yield the result of a function for each item, in order.

    Array operations release the global interpreter lock, so the threads run in parallel to the
    training step, and share the decoded crops. The result must depend on the item alone: then it is
    independent of the number of threads, and of where a killed run was resumed.

    Args:
        make: the function, called in a thread; its errors are raised here, in order.
        items: its arguments.
        workers: threads; 0 makes each item on demand.
    """
    if not workers:
        yield from map(make, items)
        return
    pending: deque[Future[MadeT]] = deque()
    # One core for each thread: otherwise each would divide its operations over all cores.
    pool = ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,))
    try:
        for item in items:
            pending.append(pool.submit(make, item))
            if len(pending) > _AHEAD * workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
