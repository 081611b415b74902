"""Storing results across outages of the gallery."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from reid_tracker.errors import (
    StoreUnavailableError,
)
from reid_tracker.match.gallery.embedded.store import EmbeddedStore
from reid_tracker.transport import (
    MemoryBroker,
)
from tests.central.world import (
    groups,
    identities,
    open_site,
    outgoing,
    replayed,
    same,
    turn_until_done,
    walks,
)
from tests.match.gallery.server import start_or_skip


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_gallery_that_is_away_at_different_moments(
    seed: int, store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes away before it gives a number, during a search, or before a write."""
    messages, truth = walks(12)
    broker = MemoryBroker()
    centre = open_site(broker, store)
    rng = np.random.default_rng(seed)
    monkeypatch.setattr("reid_tracker.central.matcher._NUMBERS_IN_STOCK", 0)
    monkeypatch.setattr("reid_tracker.central.recording._FIRST_WAIT_S", 0.01)
    monkeypatch.setattr("reid_tracker.central.recording._LONGEST_WAIT_S", 0.02)

    def shaky(call: Callable[..., Any]) -> Callable[..., Any]:
        def called(*words: Any, **named: Any) -> Any:
            if rng.uniform() < 0.2:
                raise StoreUnavailableError("the gallery is away")
            return call(*words, **named)

        return called

    for name in ("reserve_identities", "nearest", "write", "sightings"):
        monkeypatch.setattr(store, name, shaky(getattr(store, name)))
    for start in range(0, len(messages), 9):
        broker.publish([outgoing(one) for one in messages[start : start + 9]])
        centre.turn(0.05)
    turn_until_done(centre)
    monkeypatch.undo()
    found = identities(store)
    assert groups(found) == same(truth)
    assert replayed(store.events()) == found


@pytest.mark.slow
def test_a_database_that_is_killed_and_returns() -> None:
    server = start_or_skip()
    try:
        from reid_tracker.match.gallery.postgres.store import PostgresStore

        with PostgresStore(server.address, limit_s=2.0) as store:
            messages, truth = walks(12)
            broker = MemoryBroker()
            centre = open_site(broker, store)
            broker.publish([outgoing(one) for one in messages[:40]])
            for _ in range(5):
                centre.turn(0.05)
            server.kill()
            broker.publish([outgoing(one) for one in messages[40:80]])
            for _ in range(20):
                centre.turn(0.05)
            assert not centre.recording.gallery_up
            assert centre.intake.receiver.pending() >= 40
            server.start()
            broker.publish([outgoing(one) for one in messages[80:]])
            turn_until_done(centre, 60)
            found = identities(store)
            assert groups(found) == same(truth)
            assert replayed(store.events()) == found
    finally:
        server.stop()
