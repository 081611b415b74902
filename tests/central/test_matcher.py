"""Identities of one site's tracklets."""

from __future__ import annotations

import dataclasses
import time

import numpy as np
import pytest
from msgspec.structs import replace

from reid_tracker.central.records import (
    batch_of,
    row_of,
    sighting_id,
)
from reid_tracker.match import CrossCameraMatcher
from reid_tracker.match.gallery.store import GalleryStore
from reid_tracker.transport import (
    IdentityMessage,
    MemoryBroker,
    Prototypes,
    Receiver,
    TrackletMessage,
    pattern_of,
)
from tests.central.world import (
    BASE_S,
    MATCH,
    MODEL,
    SITE,
    groups,
    identities,
    open_site,
    outgoing,
    replayed,
    same,
    turn_until_done,
    walks,
)
from tests.transport.samples import PICTURE
from tests.waiting import PATIENCE_S


def direct(messages: list[TrackletMessage]) -> dict[tuple[str, str, str, int], int]:
    """Return the identities of a matcher that gets the messages directly."""
    matcher = CrossCameraMatcher(MATCH)
    for message in messages:
        matcher.update_tracklets(batch_of([message]), message.end_s)
    matcher.update_tracklets(batch_of([]), messages[-1].end_s + 1)
    return {message.key: matcher.identity(*row_of(message.key)) for message in messages}


def test_the_result_equals_that_of_the_matcher_alone(store: GalleryStore) -> None:
    messages, truth = walks(12)
    broker = MemoryBroker()
    centre = open_site(broker, store)
    told = Receiver(broker.subscribe(pattern_of("identity", SITE), "edge"))
    broker.publish([outgoing(message) for message in messages])
    turn_until_done(centre)
    found = identities(store)
    assert groups(found) == groups(direct(messages)) == same(truth)
    assert replayed(store.events()) == found
    heard: dict[tuple[str, str, str, int], int] = {}
    while (received := told.receive(0.05)) is not None:
        assert isinstance(received.message, IdentityMessage)
        for one in received.message.members:
            heard[one.edge, one.boot, one.camera, one.track] = received.message.identity
        received.ack()
    assert heard == found
    assert centre.intake.counts == {"tracklet": len(messages)}
    ends = {one.id: one.end_s for one in store.sightings()}
    assert ends == {sighting_id(SITE, m.key): m.end_s for m in messages if m.state == "end"}


def test_an_older_state_does_not_replace_a_newer_one(store: GalleryStore) -> None:
    messages, _ = walks(1)
    one = [message for message in messages if message.camera == "yard"]
    broker = MemoryBroker()
    centre = open_site(broker, store)
    broker.publish([outgoing(one[2])])
    turn_until_done(centre)
    broker.publish([outgoing(one[0])])
    turn_until_done(centre)
    assert centre.recording.matcher is not None
    assert centre.recording.matcher.counts["stale"] == 1
    (kept,) = store.sightings()
    assert kept.end_s == one[2].end_s


@pytest.mark.slow
def test_the_last_people_of_a_day_are_revised(store: GalleryStore) -> None:
    """The last tracklet is revised even if no further message comes."""
    messages, _ = walks(1)
    door, yard = (
        [message for message in messages if (message.edge, message.camera) == place]
        for place in (("e1", "door"), ("e1", "yard"))
    )
    strange = Prototypes.of(MODEL, np.eye(64, dtype=np.float32)[[40]], [3.0])
    broker = MemoryBroker()
    centre = open_site(broker, store, match=dataclasses.replace(MATCH, revise_every_s=2.0))
    broker.publish([outgoing(door[-1]), outgoing(replace(yard[1], prototypes=strange))])
    turn_until_done(centre)
    assert len(set(identities(store).values())) == 2
    broker.publish([outgoing(yard[2])])
    turn_until_done(centre)
    deadline = time.monotonic() + PATIENCE_S
    while len(set(identities(store).values())) == 2:
        assert time.monotonic() < deadline, "they are never compared again"
        centre.turn(0.05)
    assert [one.kind for one in store.events()] == ["new", "new", "merge"]


def test_pictures_are_kept_with_their_sightings(store: GalleryStore) -> None:
    messages, _ = walks(2)
    first = replace(messages[0], picture=PICTURE)
    last = [one for one in messages if one.key == first.key][-1]
    newer = PICTURE[:-2] + b"!" + PICTURE[-2:]
    broker = MemoryBroker()
    centre = open_site(broker, store)
    broker.publish([outgoing(one) for one in [first, *messages[1:]] if one is not last])
    turn_until_done(centre)
    name = sighting_id(SITE, first.key)
    assert store.crops([one.id for one in store.sightings()]) == {name: PICTURE}
    # Later states of the tracklet replace its sighting, and keep the picture or bring a better one.
    broker.publish([outgoing(replace(last, picture=newer))])
    turn_until_done(centre)
    assert store.crops([one.id for one in store.sightings()]) == {name: newer}
    (kept,) = [one for one in store.sightings() if one.id == name]
    assert kept.end_s == last.end_s


def test_track_numbers_after_a_restart_mean_other_people(store: GalleryStore) -> None:
    """After a restart of an edge, track 1 is somebody else."""
    before, truth = walks(4)
    after, more = walks(4, boots={"e1": "b2", "e2": "b1"}, first=4)
    renumbered = [replace(one, track=one.track - 4) if one.edge == "e1" else one for one in after]
    more = {(e, b, c, t - 4 if e == "e1" else t): who for (e, b, c, t), who in more.items()}
    shifted = [replace(one, edge_seq=one.edge_seq + 1000) for one in renumbered]
    broker = MemoryBroker()
    centre = open_site(broker, store)
    broker.publish([outgoing(one) for one in before + shifted])
    turn_until_done(centre)
    assert groups(identities(store)) == same(truth | more)


def test_people_from_earlier_days_are_recognised(store: GalleryStore) -> None:
    broker = MemoryBroker()
    first, truth = walks(3)
    centre = open_site(broker, store)
    broker.publish([outgoing(one) for one in first])
    turn_until_done(centre)
    centre.finish()
    again, later = walks(3, boots={"e1": "b9", "e2": "b9"}, base_s=BASE_S + 7200)
    centre = open_site(broker, store)
    broker.publish([outgoing(one) for one in again])
    turn_until_done(centre)
    found = identities(store)
    assert groups(found) == same(truth | later)
    assert replayed(store.events()) == found
