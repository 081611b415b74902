"""Looks up new people of a site in the gallery, which may know them from earlier."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from reid_tracker.match.decide.matcher import CrossCameraMatcher
from reid_tracker.match.gallery.known import who_is
from reid_tracker.match.gallery.store import GalleryStore
from reid_tracker.types import IdentityEvent

_SHARE = 0.25
"""Share of the time for gallery searches; the larger a gallery, the longer each search takes."""

_SAVED_S = 3.0
"""Unused time is saved up to this, for moments when many people appear at once."""


class AskingTime:
    """Limits the time for gallery searches; all sites of a centre share one object.

    Args:
        monotonic: seconds on a clock that does not jump.

    Attributes:
        unasked: number of people who were not looked up for lack of time.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._left_s, self._since_s = _SAVED_S, monotonic()
        self.unasked = 0

    def is_left(self) -> bool:
        """Return whether there is time for a search; if not, count it as unasked."""
        now_s = self._monotonic()
        self._left_s = min(self._left_s + _SHARE * (now_s - self._since_s), _SAVED_S)
        self._since_s = now_s
        self.unasked += self._left_s <= 0
        return self._left_s > 0

    @contextmanager
    def spent(self) -> Iterator[None]:
        """Charge the time that the `with` block takes."""
        begun_s = self._monotonic()
        try:
            yield
        finally:
            self._left_s -= self._monotonic() - begun_s


def recognised(
    matcher: CrossCameraMatcher,
    events: Sequence[IdentityEvent],
    store: GalleryStore,
    model: str,
    asking: AskingTime,
) -> list[IdentityEvent]:
    """Look up new people in the gallery; those found get the gallery's number.

    Args:
        matcher: its identities are renumbered, too.
        events: the matcher's latest events.
        store: the gallery.
        model: fingerprint of the encoder.
        asking: limits the time; people for whom there is no time stay new.

    Returns:
        The events, with the gallery's numbers.

    Raises:
        StoreUnavailableError: the gallery is away.
    """
    found = list(events)
    new = [event.identity for event in events if event.kind == "new"]
    if not new:
        return found
    mentions = [number for event in events for number in (event.identity, *event.previous_ids)]
    # Exclude people who are present, and numbers that have just changed, which the gallery does not
    # know yet.
    present = {*matcher.identities(), *mentions}
    for number in new:
        tracklets = matcher.tracklets(identity=number)
        if not tracklets or not asking.is_left():
            continue
        with asking.spent():
            known = who_is(store, tracklets, model, matcher.config, present)
        if known is None:
            continue
        matcher.rename(number, known.identity, known.reason, known.score)
        present.add(known.identity)
        (event,) = matcher.events()
        if mentions.count(number) == 1:  # the number was never published
            found = [one for one in found if one.identity != number]
            found.append(replace(event, previous_ids=()))
        else:
            found.append(replace(event, kind="merge"))
    return found
