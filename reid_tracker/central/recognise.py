"""Looks for new people of a site among those that the gallery knows from earlier."""

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
"""Of the time, that may go to questions: the larger a gallery, the longer each of them takes."""

_SAVED_S = 3.0
"""Time for questions that is left over is kept up to so much, for when many people come at once."""


class AskingTime:
    """Time that may go to questions to a gallery: all sites of a centre share one.

    Args:
        monotonic: seconds on a clock that does not jump.

    Attributes:
        unasked: people who were not looked for, since there was no time.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._left_s, self._since_s = _SAVED_S, monotonic()
        self.unasked = 0

    def is_left(self) -> bool:
        """Whether there is time for a question; counts it as unasked if not."""
        now_s = self._monotonic()
        self._left_s = min(self._left_s + _SHARE * (now_s - self._since_s), _SAVED_S)
        self._since_s = now_s
        self.unasked += self._left_s <= 0
        return self._left_s > 0

    @contextmanager
    def spent(self) -> Iterator[None]:
        """Take the time that the block takes off what is left."""
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
    """Look for new people in the gallery; whoever is found goes by the gallery's number.

    Args:
        matcher: is told of the number, too.
        events: that it just gave.
        store: the gallery.
        model: hash of the encoder's weights.
        asking: who cannot be asked for in time stays new.

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
    # The gallery does not know yet whose numbers have just ended.
    present = {*matcher.identities(), *mentions}
    for number in new:
        tracklets = matcher.tracklets(identity=number)
        if not tracklets or not asking.is_left():
            continue
        with asking.spent():
            known = who_is(store, tracklets, model, matcher.config, present)
        if known is None:
            continue
        reason = f"known to the gallery: looks cost {known.cost:.3f}"
        matcher.rename(number, known.identity, reason, 1 - known.cost)
        present.add(known.identity)
        (event,) = matcher.events()
        if mentions.count(number) == 1:  # nobody has heard of the number
            found = [one for one in found if one.identity != number]
            found.append(replace(event, previous_ids=()))
        else:
            found.append(replace(event, kind="merge"))
    return found
