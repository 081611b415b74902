"""The memory of a centre is bounded by its settings."""

from __future__ import annotations

import gc
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from reid_tracker.central import CentralSite, Matching
from reid_tracker.config import CentralConfig, MatchConfig
from reid_tracker.match import CrossCameraMatcher
from reid_tracker.match.gallery.embedded.store import EmbeddedStore
from reid_tracker.transport import Observation, Prototypes, TrackletMessage
from reid_tracker.transport.brokers.memory import MemoryBroker
from reid_tracker.transport.wire.messages import TrackletState
from tests.central.world import BASE_S, MODEL, SITE, look, outgoing

_STEP_S = 2.0
_KEEP_S = 60.0
_IN_SIGHT = 8


class Street:
    """People who pass a camera, one after the other, and come back another day."""

    def __init__(self) -> None:
        self._random = np.random.default_rng(0)
        self._sequence = 0

    def messages(self, step: int) -> list[TrackletMessage]:
        """Messages about visible people every two seconds, eight for each person."""
        found = []
        for number in range(step, step + _IN_SIGHT):
            age = step + _IN_SIGHT - 1 - number
            state: TrackletState = "update"
            if age in {0, _IN_SIGHT - 1}:
                state = "end" if age else "new"
            now_s = BASE_S + step * _STEP_S
            found.append(
                TrackletMessage(
                    edge="e1",
                    boot="b1",
                    edge_seq=self._sequence,
                    camera=f"c{number % 4}",
                    track=number + 1,
                    state=state,
                    start_s=now_s - age * _STEP_S,
                    end_s=now_s,
                    clock="arrival",
                    frames=10 * (age + 1),
                    quality=0.8,
                    observations=(Observation(now_s, (0.1, 0.2, 0.3, 0.6), (0.2, 0.6)),),
                    prototypes=Prototypes.of(MODEL, look(number % 40, self._random), [3.0]),
                )
            )
            self._sequence += 1
        return found


@pytest.mark.long
def test_memory_does_not_grow_with_messages(tmp_path: Path) -> None:
    now_s = [BASE_S]
    store = EmbeddedStore(tmp_path / "people.sqlite", clock=lambda: now_s[0])
    broker, street = MemoryBroker(), Street()
    config = MatchConfig(memory_s=_KEEP_S)
    centre = CentralSite(
        SITE,
        broker,
        store,
        Matching(MODEL, lambda numbers: CrossCameraMatcher(config, numbers=numbers)),
        config=CentralConfig(sites=(SITE,)),
        clock=lambda: now_s[0],
        monotonic=lambda: now_s[0] - BASE_S,
    )

    def work(first: int, last: int) -> int:
        """Process the messages of some steps, and return the memory use afterwards."""
        for step in range(first, last):
            now_s[0] = BASE_S + step * _STEP_S
            broker.publish([outgoing(message) for message in street.messages(step)])
            # This clock stands still, so nothing waits.
            for _ in range(_IN_SIGHT):
                received = centre.intake.receiver.receive(0.0)
                assert received is not None
                centre.intake.take(received)
            centre.turn(0.0)
            if step % 15 == 0:
                store.purge(now_s[0] - _KEEP_S)
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before = work(0, 150)
        # A gallery's vectors, ids of messages, tracklets: any of them would be ten times as much.
        assert work(150, 450) - before < 200_000
    finally:
        tracemalloc.stop()
    assert centre.intake.counts["tracklet"] == 450 * _IN_SIGHT
    assert 10 < store.info().sightings < 200
    assert centre.intake.receiver.pending() < 200
    centre.finish()
    store.close()
