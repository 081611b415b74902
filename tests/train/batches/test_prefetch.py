from __future__ import annotations

import threading
import time

import pytest

from reid_tracker.train.batches.prefetch import prefetch


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_order_is_that_of_the_items(workers: int) -> None:
    def slow_for_even(item: int) -> int:
        time.sleep(0.002 * (item % 2 == 0))  # the next item is done before
        return item * item

    assert list(prefetch(slow_for_even, range(20), workers)) == [n * n for n in range(20)]
    assert list(prefetch(slow_for_even, [], workers)) == []


def test_batches_are_made_while_the_step_runs() -> None:
    made = threading.Semaphore(0)

    def make(item: int) -> int:
        made.release()
        return item

    batches = prefetch(make, range(10), 1)
    assert next(batches) == 0
    # The first was asked for; two more are in hand without anybody asking.
    for _ in range(3):
        assert made.acquire(timeout=10)
    batches.close()


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_is_raised_in_its_turn(workers: int) -> None:
    def make(item: int) -> int:
        if item == 2:
            raise ValueError("batch 2")
        return item

    batches = prefetch(make, range(9), workers)
    assert [next(batches), next(batches)] == [0, 1]
    with pytest.raises(ValueError, match="batch 2"):
        next(batches)


def test_threads_end_with_the_iteration() -> None:
    before = threading.active_count()
    batches = prefetch(lambda item: item, range(1000), 2)
    next(batches)
    assert threading.active_count() > before
    batches.close()
    assert threading.active_count() == before
