"""Numbers for new people that hold in a whole gallery, a stock of them taken in advance."""

from __future__ import annotations

from collections import deque

from reid_tracker.match.gallery.asker import PatientAsker

_STOCK = 64
"""Enough for the new people of an outage; what is left of it at the end of a run is never used."""


class NumberStock:
    """Hands out the numbers that a gallery has reserved for this run, in their order.

    Args:
        asker: of the gallery.
    """

    def __init__(self, asker: PatientAsker) -> None:
        self._asker = asker
        self._numbers: deque[int] = deque()
        self._refill()

    def take(self, *, refill: bool = True) -> int:
        """Return a number that nobody ever had; 0 where the gallery is away and none is left.

        Args:
            refill: ask the gallery for more when the stock runs low.

        Raises:
            StoreError: the gallery will not give numbers later either.
        """
        if refill and len(self._numbers) <= _STOCK // 2:
            self._refill()
        return self._numbers.popleft() if self._numbers else 0

    def _refill(self) -> None:
        more = self._asker.ask(lambda store: store.reserve_identities(_STOCK))
        self._numbers.extend(more or ())
