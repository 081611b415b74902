"""Knows messages that came before, and notices those that never came; both in bounded memory."""

from __future__ import annotations

from collections import OrderedDict

_MOST_IDS = 100_000
_MOST_SOURCES = 10_000


class IdWindow:
    """The last ids of messages.

    Args:
        capacity: most ids; beyond, those used longest ago are forgotten.
    """

    def __init__(self, capacity: int = _MOST_IDS) -> None:
        self._capacity = capacity
        self._ids: OrderedDict[str, None] = OrderedDict()

    def add(self, message_id: str) -> None:
        """Remember an id."""
        self._ids[message_id] = None
        self._ids.move_to_end(message_id)
        if len(self._ids) > self._capacity:
            self._ids.popitem(last=False)

    def __contains__(self, message_id: str) -> bool:
        return message_id in self._ids

    def __len__(self) -> int:
        return len(self._ids)


class GapCounter:
    """Counts messages that are missing, by the numbers that each source gives to its messages.

    A message that comes after later ones fills its gap again.

    Args:
        capacity: most sources; beyond, the one heard of longest ago is forgotten.

    Attributes:
        missing: messages whose successors came while they did not.
        by_source: the same by name of the source, of those that had any.
    """

    def __init__(self, capacity: int = _MOST_SOURCES) -> None:
        self._capacity = capacity
        self._highest: OrderedDict[tuple[str, str], int] = OrderedDict()
        self.missing = 0
        self.by_source: dict[str, int] = {}

    def add(self, source: str, boot: str, number: int) -> int:
        """Note a message that did not come before.

        Args:
            source: name of who sent it.
            boot: start of the sender's program.
            number: of the message, rising by one.

        Returns:
            How many are missing just before it.
        """
        key = (source, boot)
        # A sender's first number is not known here: a receiver may come later.
        before = self._highest.get(key, number - 1)
        gap = max(number - before - 1, 0)
        change = -1 if number < before else gap
        if change:
            self.missing = max(self.missing + change, 0)
            self.by_source[source] = max(self.by_source.get(source, 0) + change, 0)
        self._highest[key] = max(before, number)
        self._highest.move_to_end(key)
        if len(self._highest) > self._capacity:
            (gone, _), _ = self._highest.popitem(last=False)
            self.by_source.pop(gone, None)
        return gap
