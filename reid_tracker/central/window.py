"""A time window that sorts items of many cameras, each of which has its own delay."""

from __future__ import annotations

import heapq
import itertools
import math
from collections import deque
from typing import Generic, TypeVar

Item = TypeVar("Item")


class TimeWindow(Generic[Item]):
    """Returns items sorted by time, each after at most `window_s`.

    An item is due when an item that is `window_s` newer has arrived (after an outage this is at
    once), or when it has waited for `window_s`.

    Args:
        window_s: how long an item is waited for after newer ones have arrived.

    Attributes:
        horizon_s: time of the newest returned item.
    """

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self._items: list[tuple[float, int, Item]] = []
        self._arrivals: deque[tuple[float, float]] = deque()
        self._arrival_numbers = itertools.count()
        self._newest_s = -math.inf
        self.horizon_s = -math.inf

    def __len__(self) -> int:
        return len(self._items)

    def add(self, time_s: float, item: Item, now_s: float) -> bool:
        """Add an item.

        Args:
            time_s: time of the item, on the clock that all items share.
            item: anything.
            now_s: current time, on any clock that does not jump.

        Returns:
            Whether the item is late: newer ones were returned already. It is then returned next.
        """
        heapq.heappush(self._items, (time_s, next(self._arrival_numbers), item))
        self._arrivals.append((now_s, time_s))
        self._newest_s = max(self._newest_s, time_s)
        return time_s < self.horizon_s

    def take(self, now_s: float, most: int | None = None) -> list[Item]:
        """Return the items that are due, sorted by time, then by arrival.

        Args:
            now_s: as in `add`.
            most: maximum number of items; the others stay due.
        """
        due_s = max(self._newest_s - self._window_s, self.horizon_s)
        for came_s, time_s in self._arrivals:
            if came_s + self._window_s > now_s:
                break
            due_s = max(due_s, time_s)
        return self._until(due_s, most)

    def drain(self) -> list[Item]:
        """Return all remaining items, sorted."""
        return self._until(math.inf, None)

    def _until(self, due_s: float, most: int | None) -> list[Item]:
        taken: list[Item] = []
        while self._items and self._items[0][0] <= due_s and (most is None or len(taken) < most):
            time_s, _, item = heapq.heappop(self._items)
            self.horizon_s = max(self.horizon_s, time_s)
            taken.append(item)
        # Items up to the horizon are due anyway.
        while self._arrivals and self._arrivals[0][1] <= self.horizon_s:
            self._arrivals.popleft()
        return taken
