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

    A message that comes after later ones fills its gap again. What a receiver before this one was
    given is none of this one's business: it may have stored any of it.

    Args:
        capacity: most sources; beyond, the one heard of longest ago is forgotten.

    Attributes:
        missing: messages whose successors came while they did not.
        by_source: the same by name of the source, of those that had any.
    """

    def __init__(self, capacity: int = _MOST_SOURCES) -> None:
        self._capacity = capacity
        # First and highest number of each start of a source.
        self._spans: OrderedDict[tuple[str, str], tuple[int, int]] = OrderedDict()
        self.missing = 0
        self.by_source: dict[str, int] = {}

    def add(self, source: str, boot: str, number: int, *, again: bool = False) -> int:
        """Note a message that did not come before.

        Args:
            source: name of who sent it.
            boot: start of the sender's program.
            number: of the message, rising by one.
            again: a receiver was given it before, this one or another.

        Returns:
            How many are missing just before it.
        """
        key = (source, boot)
        # A sender's first number is not known here: a receiver may come later.
        first, highest = self._spans.get(key, (number, number - 1))
        if number < first or (again and key not in self._spans):
            return 0
        gap = max(number - highest - 1, 0)
        change = -1 if number < highest else gap
        if change:
            self.missing = max(self.missing + change, 0)
            self.by_source[source] = max(self.by_source.get(source, 0) + change, 0)
        self._spans[key] = first, max(highest, number)
        self._spans.move_to_end(key)
        if len(self._spans) > self._capacity:
            (gone, _), _ = self._spans.popitem(last=False)
            self.by_source.pop(gone, None)
        return gap
