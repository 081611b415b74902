"""A time window that puts items of many cameras in order, each camera with its own delay."""

from __future__ import annotations

import heapq
import itertools
import math
from collections import deque
from typing import Generic, TypeVar

Item = TypeVar("Item")


class TimeWindow(Generic[Item]):
    """Returns items in the order of their times, each after at most `window_s`.

    An item is due when an item has come that is `window_s` newer (after an outage: at once), or
    when it has waited for `window_s`.

    Args:
        window_s: how much later than newer ones an item may come.

    Attributes:
        horizon_s: time of the newest item that was returned.
    """

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self._items: list[tuple[float, int, Item]] = []
        self._arrivals: deque[tuple[float, float]] = deque()
        self._came = itertools.count()
        self._newest_s = -math.inf
        self.horizon_s = -math.inf

    def __len__(self) -> int:
        return len(self._items)

    def add(self, time_s: float, item: Item, now_s: float) -> bool:
        """Take an item.

        Args:
            time_s: its time, on the clock that all items share.
            item: anything.
            now_s: present time, on any clock that does not jump.

        Returns:
            Whether it is late: newer ones were returned already. It is then returned next.
        """
        heapq.heappush(self._items, (time_s, next(self._came), item))
        self._arrivals.append((now_s, time_s))
        self._newest_s = max(self._newest_s, time_s)
        return time_s < self.horizon_s

    def take(self, now_s: float, most: int | None = None) -> list[Item]:
        """Return the items that are due, in the order of their times, then of their arrival.

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
        """Return all that is left, in order."""
        return self._until(math.inf, None)

    def _until(self, due_s: float, most: int | None) -> list[Item]:
        taken: list[Item] = []
        while self._items and self._items[0][0] <= due_s and (most is None or len(taken) < most):
            time_s, _, item = heapq.heappop(self._items)
            self.horizon_s = max(self.horizon_s, time_s)
            taken.append(item)
        # Items that are not newer than the horizon are due anyway.
        while self._arrivals and self._arrivals[0][1] <= self.horizon_s:
            self._arrivals.popleft()
        return taken
