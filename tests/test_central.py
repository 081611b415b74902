"""The centre: order, identities, restarts, outages, and messages that are none."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from reid_tracker.central.centre import Central
from reid_tracker.central.records import (
    batch_of,
    camera_name,
    key_of_sighting,
    row_of,
    sighting_id,
)
from reid_tracker.central.run import durable_name
from reid_tracker.central.window import TimeWindow
from reid_tracker.errors import (
    ConfigError,
    MessageError,
    StoreUnavailableError,
    TransportUnavailableError,
)
from reid_tracker.match import CrossCameraMatcher
from reid_tracker.match.gallery.embedded.store import EmbeddedStore
from reid_tracker.match.gallery.store import GalleryStore
from reid_tracker.transport import (
    IdentityMessage,
    MemoryBroker,
    Prototypes,
    Receiver,
    TrackletMessage,
    open_broker,
    pattern_of,
)
from tests.central_world import (
    BASE_S,
    CENTRAL,
    MATCH,
    MODEL,
    SITE,
    groups,
    identities,
    look,
    open_site,
    outgoing,
    replayed,
    turn_until_done,
    walks,
)
from tests.match.gallery.server import start_or_skip
from tests.transport.conftest import config_for
from tests.transport.samples import PICTURE, status
from tests.transport.servers import START, Server, nats_server


@pytest.fixture
def store(tmp_path: Path) -> Iterator[GalleryStore]:
    with EmbeddedStore(tmp_path / "gallery.sqlite") as opened:
        yield opened


def same(truth: dict[tuple[str, str, str, int], int]) -> set[frozenset[tuple[str, str, str, int]]]:
    return groups({key: person + 1 for key, person in truth.items()})


# --- the window --------------------------------------------------------------------------------


def test_window_orders_by_time() -> None:
    window: TimeWindow[str] = TimeWindow(2.0)
    assert not any([window.add(5.0, "b", 0.0), window.add(4.0, "a", 0.1), window.add(5.0, "c", 0)])
    assert window.take(0.2) == []
    assert not window.add(7.0, "d", 0.3)  # two seconds newer
    assert window.take(0.3) == ["a", "b", "c"]
    assert window.take(2.2) == []
    assert window.take(2.3) == ["d"]  # it has waited long enough
    assert window.horizon_s == 7.0


def test_late_items_are_handed_out_next() -> None:
    window: TimeWindow[str] = TimeWindow(2.0)
    window.add(10.0, "a", 0.0)
    assert window.take(2.0) == ["a"]
    assert window.add(9.0, "late", 2.1)
    assert not window.add(11.0, "b", 2.1)
    assert window.take(2.1) == ["late"]
    assert window.drain() == ["b"]
    assert len(window) == 0


def test_window_hands_out_at_most_so_many() -> None:
    window: TimeWindow[int] = TimeWindow(1.0)
    for number in range(10):
        window.add(float(number), number, 0.0)
    assert window.take(0.0, 4) == [0, 1, 2, 3]
    assert window.take(0.0, 4) == [4, 5, 6, 7]
    assert window.take(0.0, 4) == [8]
    assert window.take(1.0, 4) == [9]


# --- names -------------------------------------------------------------------------------------


def test_cameras_of_two_edges_may_share_a_name() -> None:
    assert camera_name("e1", "door") == "e1/door"
    names = [("a/b", "c"), ("a", "b/c"), ("a%2Fb", "c")]
    assert len({camera_name(*one) for one in names}) == 3
    keys = [("e1", "b1", "door", 3), ("e2", "b1", "door", 3), ("e1", "b2", "door", 3)]
    assert len({row_of(key) for key in keys}) == len({sighting_id(SITE, key) for key in keys}) == 3


def test_a_sighting_tells_its_tracklet() -> None:
    key = ("edge 1/ü", "b", "door.left", 7)
    assert key_of_sighting(SITE, sighting_id(SITE, key)) == key
    assert key_of_sighting("yard", sighting_id(SITE, key)) is None
    for other in ("run/door/3", "a/b/c/d/e", "main=20hall/a/b/c/x", "main=20hall/=zz/b/c/1"):
        assert key_of_sighting(SITE, other) is None
    with pytest.raises(MessageError, match="take shorter ones"):
        sighting_id(SITE, ("ü" * 100, "b", "door", 1))


def test_durable_names() -> None:
    assert durable_name("hall") == "reid-central-hall"
    odd = {durable_name(site) for site in ("main hall", "main=20hall", "ü" * 200)}
    assert len(odd) == 3
    assert max(map(len, odd)) <= 60


# --- identities --------------------------------------------------------------------------------


def direct(messages: list[TrackletMessage]) -> dict[tuple[str, str, str, int], int]:
    """Who is who where the matcher is given the messages itself."""
    matcher = CrossCameraMatcher(MATCH)
    for message in messages:
        matcher.update_tracklets(batch_of([message]), message.end_s)
    matcher.update_tracklets(batch_of([]), messages[-1].end_s + 1)
    return {message.key: matcher.identity(*row_of(message.key)) for message in messages}


def test_as_the_matcher_itself(store: GalleryStore) -> None:
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
    assert centre.counts == {"tracklet": len(messages)}
    ends = {one.id: one.end_s for one in store.sightings()}
    assert ends == {sighting_id(SITE, m.key): m.end_s for m in messages if m.state == "end"}


def test_order_and_copies_change_nothing(store: GalleryStore) -> None:
    messages, truth = walks(8)
    rng = np.random.default_rng(3)
    # Delays of up to a second, less than the window's.
    mixed = sorted(messages, key=lambda one: one.end_s + rng.uniform(0, 1))
    broker = MemoryBroker()
    centre = open_site(broker, store, config=dataclasses.replace(CENTRAL, window_s=1.1))
    copies = [outgoing(message) for message in mixed for _ in range(2)]
    # Another id of the broker, so that the second copy arrives.
    broker.publish([one._replace(message_id=f"{i}") for i, one in enumerate(copies)])
    turn_until_done(centre)
    assert groups(identities(store)) == same(truth)
    assert centre.receiver.counts.duplicates == len(messages)
    assert centre.counts["late"] == 0


def test_late_messages_are_matched_at_once_and_counted(store: GalleryStore) -> None:
    messages, truth = walks(8)
    late = [one for one in messages if one.track == 3 and one.edge == "e2"]
    broker = MemoryBroker()
    centre = open_site(broker, store)
    broker.publish([outgoing(one) for one in messages if one not in late])
    turn_until_done(centre)
    broker.publish([outgoing(one) for one in late])
    turn_until_done(centre)
    assert centre.counts["late"] == len(late)
    assert groups(identities(store)) == same(truth)


def test_an_older_state_does_not_replace_a_newer_one(store: GalleryStore) -> None:
    messages, _ = walks(1)
    one = [message for message in messages if message.camera == "yard"]
    broker = MemoryBroker()
    centre = open_site(broker, store)
    broker.publish([outgoing(one[2])])
    turn_until_done(centre)
    broker.publish([outgoing(one[0])])
    turn_until_done(centre)
    assert centre.matcher is not None
    assert centre.matcher.counts["stale"] == 1
    (kept,) = store.sightings()
    assert kept.end_s == one[2].end_s


def test_the_last_people_of_a_day_are_looked_back_at(store: GalleryStore) -> None:
    """What the last message shows is not left as it was first taken for, though no other comes."""
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
    deadline = time.monotonic() + 30
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


def test_trackers_that_number_anew(store: GalleryStore) -> None:
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


# --- restarts ----------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", [7, 30, 55])
def test_a_restart_changes_nothing(cut: int, store: GalleryStore) -> None:
    messages, truth = walks(12)
    broker = MemoryBroker()
    centre = open_site(broker, store)
    broker.publish([outgoing(one) for one in messages[:cut]])
    for _ in range(4):
        centre.turn(0.05)
    centre.finish()
    before = identities(store)
    centre = open_site(broker, store)
    broker.publish([outgoing(one) for one in messages[cut:]])
    turn_until_done(centre)
    found = identities(store)
    assert groups(found) == same(truth)
    assert replayed(store.events()) == found
    assert {key: found[key] for key, number in before.items() if number} == {
        key: number for key, number in before.items() if number
    }


def test_a_sudden_end_changes_nothing(store: GalleryStore) -> None:
    """As after kill -9: nothing is finished, and what was handed out comes again."""
    messages, truth = walks(12)
    broker = MemoryBroker()
    rng = np.random.default_rng(0)
    centre = open_site(broker, store)
    left = list(messages)
    while left:
        some, left = left[:9], left[9:]
        broker.publish([outgoing(one) for one in some])
        for _ in range(rng.integers(1, 4)):
            centre.turn(0.02)
        centre = open_site(broker, store)
    turn_until_done(centre)
    found = identities(store)
    assert groups(found) == same(truth)
    assert replayed(store.events()) == found


def test_people_of_long_ago_are_recognised(store: GalleryStore) -> None:
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


def test_sites_are_matched_by_themselves(store: GalleryStore) -> None:
    broker = MemoryBroker()
    messages, truth = walks(3)
    config = dataclasses.replace(CENTRAL, recognise=False)
    sites = [open_site(broker, store, site=site, config=config) for site in ("north", "south")]
    broker.publish([outgoing(one, "north") for one in messages])
    broker.publish(
        [outgoing(one, "south")._replace(message_id=f"s{i}") for i, one in enumerate(messages)]
    )
    centre = Central(sites, store, 0.1, retention_s=3600.0)
    end_s = time.monotonic() + 20
    while any(site.receiver.pending() for site in sites) and time.monotonic() < end_s:
        centre.turn()
    centre.finish()
    for site in ("north", "south"):
        own = {
            key: one.identity
            for one in store.sightings()
            if (key := key_of_sighting(site, one.id)) is not None
        }
        assert groups(own) == same(truth)
    with pytest.raises(ConfigError, match="--site hall"):
        Central([], store, 0.1)


# --- what is no message --------------------------------------------------------------------------


def test_what_cannot_be_used_is_acknowledged_and_counted(
    store: GalleryStore, caplog: pytest.LogCaptureFixture
) -> None:
    messages, truth = walks(2)
    good = outgoing(messages[0])
    rng = np.random.default_rng(0)
    other = replace(messages[0], prototypes=Prototypes.of("cd" * 32, look(0, rng), [1.0]))
    short = replace(messages[0], prototypes=Prototypes.of(MODEL, look(0, rng, 16), [1.0]))
    ahead = replace(
        messages[0],
        edge_seq=900,
        end_s=time.time() + 3600,
        track=99,
    )
    long = replace(messages[0], edge_seq=901, camera="ü" * 100)
    bad = [
        good._replace(data=good.data.replace(b'"schema":1', b'"schema":2')),
        good._replace(data=good.data[: len(good.data) // 2]),
        good._replace(data=b"\xff\x00 noise"),
        good._replace(data=outgoing(messages[-1]).data),
        *(outgoing(one) for one in (other, short, ahead, long)),
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
    counts = centre.receiver.counts
    assert counts.refused_by == {"version": 2, "content": 4, "sender": 2, "encoder": 4}
    assert (centre.counts["clock"], centre.counts["name"]) == (1, 1)  # acknowledged: known copies
    assert centre.counts["status"] == 1
    refusals = [record for record in caplog.records if "refused" in record.message]
    assert len(refusals) == 6


def test_a_tracklet_without_looks_waits_for_them(store: GalleryStore) -> None:
    messages, _ = walks(1)
    none = Prototypes.of(MODEL, np.zeros((0, 64)), [])
    broker = MemoryBroker()
    centre = open_site(broker, store)
    broker.publish([outgoing(replace(messages[0], prototypes=none))])
    turn_until_done(centre)
    assert store.info().sightings == 0


# --- outages -------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_a_gallery_that_comes_and_goes(
    seed: int, store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may go before a number is given, while people are looked for, or before a write."""
    messages, truth = walks(12)
    broker = MemoryBroker()
    centre = open_site(broker, store)
    rng = np.random.default_rng(seed)
    monkeypatch.setattr("reid_tracker.central.site._STOCK", 0)
    monkeypatch.setattr("reid_tracker.central.run._FIRST_WAIT_S", 0.01)
    monkeypatch.setattr("reid_tracker.central.run._LONGEST_WAIT_S", 0.02)

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
            assert not centre.gallery_up
            assert centre.receiver.pending() >= 40
            server.start()
            broker.publish([outgoing(one) for one in messages[80:]])
            turn_until_done(centre, 60)
            found = identities(store)
            assert groups(found) == same(truth)
            assert replayed(store.events()) == found
    finally:
        server.stop()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["nats", "mqtt"])
def test_through_real_brokers_with_a_restart(
    kind: str, tmp_path: Path, store: GalleryStore
) -> None:
    server = START[kind](tmp_path / "server")
    try:
        messages, truth = walks(8)
        broker = open_broker(config_for(kind, server, tmp_path))
        centre = open_site(broker, store)
        told = Receiver(broker.subscribe(pattern_of("identity", SITE), "edge"))
        broker.publish([outgoing(one) for one in messages[:30]])
        for _ in range(10):
            centre.turn(0.1)
        centre.finish()
        centre = open_site(broker, store)
        broker.publish([outgoing(one) for one in messages[30:]])
        end_s = time.monotonic() + 30
        while time.monotonic() < end_s and set(identities(store)) != set(truth):
            centre.turn(0.1)
        turn_until_done(centre)
        found = identities(store)
        assert groups(found) == same(truth)
        heard: dict[tuple[str, str, str, int], int] = {}
        while (received := told.receive(0.5)) is not None:
            assert isinstance(received.message, IdentityMessage)
            for one in received.message.members:
                heard[one.edge, one.boot, one.camera, one.track] = received.message.identity
            received.ack()
        assert heard == found
        centre.finish()
        broker.close()
    finally:
        server.kill()


@pytest.fixture
def nats(tmp_path: Path) -> Iterator[Server]:
    server = nats_server(tmp_path / "nats")
    yield server
    server.kill()


@pytest.mark.slow
def test_through_a_real_broker_that_is_killed(
    nats: Server, tmp_path: Path, store: GalleryStore
) -> None:
    messages, truth = walks(12)
    broker = open_broker(config_for("nats", nats, tmp_path))
    centre = open_site(broker, store)
    broker.publish([outgoing(one) for one in messages[:50]])
    for _ in range(5):
        centre.turn(0.1)
    nats.kill()
    for _ in range(5):
        centre.turn(0.1)
    assert not centre.broker_up
    nats.start()
    publish_when_back(lambda: broker.publish([outgoing(one) for one in messages[50:]]))
    end_s = time.monotonic() + 30
    while time.monotonic() < end_s:
        centre.turn(0.1)
        with contextlib.suppress(TransportUnavailableError):
            if centre.receiver.pending() == 0:
                break
    found = identities(store)
    assert groups(found) == same(truth)
    assert replayed(store.events()) == found
    centre.finish()
    broker.close()


def publish_when_back(publish: Callable[[], None]) -> None:
    for _ in range(50):
        with contextlib.suppress(TransportUnavailableError):
            publish()
            return
        time.sleep(0.2)
    raise AssertionError("the broker did not return")
