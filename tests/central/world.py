"""A made-up site for tests of the centre: people who walk past three cameras of two hosts."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from reid_tracker.central import CentralSite, Matching
from reid_tracker.central.records import Key, key_of_sighting
from reid_tracker.config import CentralConfig, MatchConfig
from reid_tracker.match import CrossCameraMatcher
from reid_tracker.match.gallery.records import EventRecord
from reid_tracker.match.gallery.store import GalleryStore
from reid_tracker.transport import Broker, Observation, Outgoing, Prototypes, TrackletMessage
from reid_tracker.transport.wire.codec import encode_message
from reid_tracker.transport.wire.messages import Message, TrackletState
from reid_tracker.transport.wire.subjects import subject_of

SITE = "main hall"
MODEL = "ab" * 32
BASE_S = 1_764_000_000.0
STATES: tuple[TrackletState, ...] = ("new", "update", "end")
CAMERAS = (("e1", "door"), ("e1", "yard"), ("e2", "door"))
MATCH = MatchConfig(patience_s=0.4, memory_s=600.0)
CENTRAL = CentralConfig(sites=(SITE,), window_s=0.2, batch_s=0.05)


def look(person: int, rng: np.random.Generator, dim: int = 64) -> np.ndarray:
    rows = np.eye(dim)[[person % dim]] + 0.03 * rng.normal(size=(1, dim))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def walks(
    people: int, *, boots: dict[str, str] | None = None, first: int = 0, base_s: float = BASE_S
) -> tuple[list[TrackletMessage], dict[Key, int]]:
    """Return the messages of people who pass all cameras in turn, and their identities.

    The messages are sorted by time; each edge numbers its own.
    """
    boots = boots or {"e1": "b1", "e2": "b1"}
    rng = np.random.default_rng(first)
    found: list[tuple[float, str, str, int, int, float, TrackletState]] = []
    truth: dict[Key, int] = {}
    for person in range(first, first + people):
        for place, (edge, camera) in enumerate(CAMERAS):
            start_s = base_s + 1.5 * person + 8.0 * place
            truth[edge, boots[edge], camera, person + 1] = person
            for number, state in enumerate(STATES):
                end_s = start_s + 1.0 + number
                found.append((end_s, edge, camera, person, place, start_s, state))
    sequence: defaultdict[str, Iterator[int]] = defaultdict(lambda: iter(range(10**6)))
    messages = []
    for end_s, edge, camera, person, _, start_s, state in sorted(found):
        messages.append(
            TrackletMessage(
                edge=edge,
                boot=boots[edge],
                edge_seq=next(sequence[edge]),
                camera=camera,
                track=person + 1,
                state=state,
                start_s=start_s,
                end_s=end_s,
                clock="arrival",
                frames=int(10 * (end_s - start_s)),
                quality=0.8,
                observations=(Observation(end_s, (0.1, 0.2, 0.3, 0.6), (0.2, 0.6)),),
                prototypes=Prototypes.of(MODEL, look(person, rng), [3.0]),
            )
        )
    return messages, truth


def outgoing(message: Message, site: str = SITE) -> Outgoing:
    return Outgoing(message.message_id, str(subject_of(message, site)), encode_message(message))


def open_site(
    broker: Broker,
    store: GalleryStore,
    *,
    config: CentralConfig = CENTRAL,
    match: MatchConfig = MATCH,
    site: str = SITE,
    model: str = MODEL,
    clock: Callable[[], float] = time.time,
) -> CentralSite:
    matching = Matching(model, lambda numbers: CrossCameraMatcher(match, numbers=numbers))
    return CentralSite(site, broker, store, matching, config=config, clock=clock)


def turn_until_done(centre: CentralSite, limit_s: float = 30.0) -> None:
    """Run turns until all messages are acknowledged."""
    end_s = time.monotonic() + limit_s
    while time.monotonic() < end_s:
        centre.turn(0.05)
        if centre.recording.gallery_up and centre.intake.receiver.pending() == 0:
            return
    raise AssertionError(f"{centre.intake.receiver.pending()} messages are not acknowledged")


def identities(store: GalleryStore, site: str = SITE) -> dict[Key, int]:
    """Return the identity of each tracklet in a gallery; check that none is stored twice."""
    found = store.sightings()
    keys = [key_of_sighting(site, one.id) for one in found]
    assert len(set(keys)) == len(keys)
    return {key: one.identity for key, one in zip(keys, found, strict=True) if key is not None}


def groups(identity: dict[Key, int]) -> set[frozenset[Key]]:
    """Return the groups of tracklets of each person; check that all have an identity."""
    members: defaultdict[int, set[Key]] = defaultdict(set)
    for key, number in identity.items():
        members[number].add(key)
    assert 0 not in members, members[0]
    return {frozenset(keys) for keys in members.values()}


def same(truth: dict[Key, int]) -> set[frozenset[Key]]:
    return groups({key: person + 1 for key, person in truth.items()})


def replayed(events: Sequence[EventRecord], site: str = SITE) -> dict[Key, int]:
    """Return the identity of each tracklet according to the events alone."""
    now: dict[Key, int] = {}
    for event in events:
        if event.kind == "merge":
            now = {key: event.identity if n in event.previous else n for key, n in now.items()}
        for one in event.sightings:
            key = key_of_sighting(site, one)
            assert key is not None
            now[key] = event.identity
    return now
