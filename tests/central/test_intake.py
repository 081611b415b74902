"""Receiving at a site: order, copies, and unusable messages."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from msgspec.structs import replace

from reid_tracker.central.intake import durable_name
from reid_tracker.errors import TransportUnavailableError
from reid_tracker.match.gallery.store import GalleryStore
from reid_tracker.transport import (
    MemoryBroker,
    Prototypes,
)
from reid_tracker.transport.access import listener_name
from tests.central.world import (
    CENTRAL,
    MODEL,
    SITE,
    groups,
    identities,
    look,
    open_site,
    outgoing,
    same,
    turn_until_done,
    walks,
)
from tests.transport.samples import status


def test_durable_names() -> None:
    assert durable_name("hall") == "reid-central-hall"
    odd = {durable_name(site) for site in ("main hall", "main=20hall", "ü" * 200)}
    assert len(odd) == 3
    assert max(map(len, odd)) <= 60


@pytest.mark.slow
def test_order_and_copies_change_nothing(store: GalleryStore) -> None:
    messages, truth = walks(8)
    rng = np.random.default_rng(3)
    # Delays of up to a second, less than the window.
    mixed = sorted(messages, key=lambda one: one.end_s + rng.uniform(0, 1))
    broker = MemoryBroker()
    centre = open_site(broker, store, config=dataclasses.replace(CENTRAL, window_s=1.1))
    copies = [outgoing(message) for message in mixed for _ in range(2)]
    # Another message id, so that the broker delivers the second copy.
    broker.publish([one._replace(message_id=f"{i}") for i, one in enumerate(copies)])
    turn_until_done(centre)
    assert groups(identities(store)) == same(truth)
    assert centre.intake.receiver.counts.duplicates == len(messages)
    assert centre.intake.counts["late"] == 0


def test_late_messages_are_matched_at_once_and_counted(store: GalleryStore) -> None:
    messages, truth = walks(8)
    late = [one for one in messages if one.track == 3 and one.edge == "e2"]
    broker = MemoryBroker()
    centre = open_site(broker, store)
    broker.publish([outgoing(one) for one in messages if one not in late])
    turn_until_done(centre)
    broker.publish([outgoing(one) for one in late])
    turn_until_done(centre)
    assert centre.intake.counts["late"] == len(late)
    assert groups(identities(store)) == same(truth)


def test_unusable_messages_are_acknowledged_and_counted(
    store: GalleryStore, caplog: pytest.LogCaptureFixture
) -> None:
    messages, truth = walks(2)
    good = outgoing(messages[0])
    rng = np.random.default_rng(0)
    other = replace(messages[0], prototypes=Prototypes.of("cd" * 32, look(0, rng), [1.0]))
    short = replace(messages[0], prototypes=Prototypes.of(MODEL, look(0, rng, 16), [1.0]))
    long = replace(messages[0], edge_seq=900, camera="ü" * 100)
    bad = [
        good._replace(data=good.data.replace(b'"schema":1', b'"schema":2')),
        good._replace(data=good.data[: len(good.data) // 2]),
        good._replace(data=b"\xff\x00 noise"),
        good._replace(data=outgoing(messages[-1]).data),
        *(outgoing(one) for one in (other, short, long)),
    ]
    broker = MemoryBroker()
    centre = open_site(broker, store)
    broker.publish([outgoing(status(800, edge="e1"))])
    broker.publish([outgoing(one) for one in messages])
    turn_until_done(centre)
    for turn in range(2):
        broker.publish(
            [one._replace(message_id=f"{turn} {number}") for number, one in enumerate(bad)]
        )
        turn_until_done(centre)
    assert groups(identities(store)) == same(truth)
    counts = centre.intake.receiver.counts
    assert counts.refused_by == {"version": 2, "content": 4, "sender": 2, "encoder": 4}
    assert centre.intake.counts["name"] == 1  # acknowledged: known copies
    assert centre.intake.counts["status"] == 1
    refusals = [record for record in caplog.records if "refused" in record.message]
    assert len(refusals) == 5


def test_a_centre_whose_clock_is_behind_loses_nothing(store: GalleryStore) -> None:
    """All of its camera hosts are ahead of it, by two minutes more than it permits."""
    messages, _ = walks(4)
    broker = MemoryBroker()
    behind_s = max(one.end_s for one in messages) - 600
    centre = open_site(broker, store, clock=lambda: behind_s)
    broker.publish([outgoing(one) for one in messages])
    turn_until_done(centre)
    assert set(identities(store)) == {one.key for one in messages}


def test_the_consumer_of_a_host_is_prepared_once(store: GalleryStore) -> None:
    """A host may lack the right to make its own receiver of identities."""

    class Prepared(MemoryBroker):
        def __init__(self) -> None:
            super().__init__()
            self.names: list[str] = []

        def prepare(self, pattern: str, durable: str) -> None:
            if not self.names:
                self.names.append("away")
                raise TransportUnavailableError("away")
            self.names.append(durable)

    messages, _ = walks(2)
    broker = Prepared()
    centre = open_site(broker, store)
    broker.publish([outgoing(one) for one in messages])
    turn_until_done(centre)
    edges = {one.edge for one in messages}
    assert sorted(broker.names[1:]) == sorted(listener_name(SITE, edge) for edge in edges)


def test_a_tracklet_without_embeddings_waits_for_them(store: GalleryStore) -> None:
    messages, _ = walks(1)
    none = Prototypes.of(MODEL, np.zeros((0, 64)), [])
    broker = MemoryBroker()
    centre = open_site(broker, store)
    broker.publish([outgoing(replace(messages[0], prototypes=none))])
    turn_until_done(centre)
    assert store.info().sightings == 0
