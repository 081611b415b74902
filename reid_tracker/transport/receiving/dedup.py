"""Recognises copies of messages and counts missing ones, both in bounded memory."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict

_MAX_SPANS = 100_000
_MAX_SOURCES = 10_000
_MAX_DIGITS = 18


class IdWindow:
    """A set of message ids.

    Ids end in consecutive numbers, so they are kept as spans of numbers: a million messages without
    a gap take as much memory as two. An id without a number is kept as it is.

    Args:
        capacity: maximum number of spans; then the lowest span of the least recent sender is
            forgotten.
    """

    def __init__(self, capacity: int = _MAX_SPANS) -> None:
        self._capacity = capacity
        # By the id without its number: first number and end (exclusive) of each span, in a row.
        self._bounds: OrderedDict[str, list[int]] = OrderedDict()
        self._spans = 0

    def add(self, message_id: str) -> None:
        """Remember an id."""
        head, number = _split(message_id)
        bounds = self._bounds.setdefault(head, [])
        self._bounds.move_to_end(head)
        at = bisect_right(bounds, number)
        if at % 2:  # already inside a span
            return
        after, before = bounds[at - 1 : at] == [number], bounds[at : at + 1] == [number + 1]
        if after and before:
            del bounds[at - 1 : at + 1]
        elif after:
            bounds[at - 1] += 1
        elif before:
            bounds[at] -= 1
        else:
            bounds[at:at] = [number, number + 1]
        self._spans += 1 - after - before
        if self._spans > self._capacity:
            self._forget()

    def _forget(self) -> None:
        head, bounds = next(iter(self._bounds.items()))
        del bounds[:2]
        self._spans -= 1
        if not bounds:
            del self._bounds[head]

    def __contains__(self, message_id: str) -> bool:
        head, number = _split(message_id)
        return bisect_right(self._bounds.get(head, ()), number) % 2 == 1

    def __len__(self) -> int:
        """Number of spans."""
        return self._spans


def _split(message_id: str) -> tuple[str, int]:
    """Split an id into the part before its number and the number; 0 if it has none."""
    head, slash, number = message_id.rpartition("/")
    # Only numbers in their normal form: 07 is another id than 7.
    plain = slash and number.isascii() and number.isdecimal() and len(number) <= _MAX_DIGITS
    if plain and (number == "0" or number[0] != "0"):
        return head + slash, int(number)
    return message_id, 0


class GapCounter:
    """Counts missing messages by the sequence numbers of each source.

    A message that arrives late fills its gap. Messages that were first delivered to an earlier
    receiver do not count as missing, since that receiver may have stored them.

    Args:
        capacity: maximum number of sources; then the least recent one is forgotten.

    Attributes:
        missing: number of messages that have not come although later ones have.
        by_source: the same for each source with gaps.
    """

    def __init__(self, capacity: int = _MAX_SOURCES) -> None:
        self._capacity = capacity
        # First and highest number by source and start of its program.
        self._spans: OrderedDict[tuple[str, str], tuple[int, int]] = OrderedDict()
        self.missing = 0
        self.by_source: dict[str, int] = {}

    def add(self, source: str, boot: str, number: int, *, again: bool = False) -> int:
        """Record a message that is not a copy.

        Args:
            source: name of the sender.
            boot: id of this start of the sender's program.
            number: sequence number of the message.
            again: whether it was delivered before, to this or another receiver.

        Returns:
            Number of messages that are missing directly before this one.
        """
        key = (source, boot)
        # The first number of a sender is unknown: the receiver may have started later.
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
