"""What a camera host makes of identity messages: in any order, bounded, and only for its own."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reid_tracker.edge import KnownIdentities
from reid_tracker.transport import IdentityMessage, TrackletRef
from reid_tracker.types import IdentityEvent
from tests.conftest import Clock
from tests.examples import examples

NOW_S = 1_764_000_000.0


def known(clock: Clock | None = None, **words: Any) -> KnownIdentities:
    return KnownIdentities(
        "e1", "b1", **{"keep_s": 3600.0, "clock": clock or Clock(100.0), **words}
    )


def said(
    seq: int,
    kind: str,
    identity: int,
    *tracks: int,
    previous: tuple[int, ...] = (),
    boot: str = "c1",
    edge: str = "e1",
    edge_boot: str = "b1",
) -> IdentityMessage:
    return IdentityMessage(
        centre="central",
        boot=boot,
        seq=seq,
        kind=kind,  # type: ignore[arg-type]
        identity=identity,
        previous_ids=previous,
        members=tuple(TrackletRef(edge, edge_boot, "door", track) for track in tracks),
        reason="looks alike",
        score=0.75,
        time_s=NOW_S + seq,
    )


def who(made: KnownIdentities, *tracks: int, camera: str = "door") -> list[int]:
    found: list[int] = made.of(camera, np.array(tracks, np.int64)).ids.tolist()
    return found


def test_new_match_merge_and_split() -> None:
    made = known()
    made.take(said(1, "new", 4, 1))
    made.take(said(2, "new", 7, 2, 3))
    assert who(made, 1, 2, 3, 9) == [4, 7, 7, 0]
    assert who(made, 1, camera="yard") == [0]
    made.take(said(3, "merge", 4, 2, 3, previous=(7,)))
    assert who(made, 1, 2, 3) == [4, 4, 4]
    made.take(said(4, "split", 8, 3, previous=(4,)))
    made.take(said(5, "split", 0, 2, previous=(4,)))
    assert who(made, 1, 2, 3) == [4, 0, 8]
    identities = made.of("door", np.array([1, 5], np.int64))
    assert identities.scores.tolist() == [0.75, 0.0]
    events = made.news()
    assert [(one.kind, one.identity, one.members, one.previous_ids) for one in events] == [
        ("new", 4, (("door", 1),), ()),
        ("new", 7, (("door", 2), ("door", 3)), ()),
        ("merge", 4, (("door", 2), ("door", 3)), (7,)),
        ("split", 8, (("door", 3),), (4,)),
        ("split", 0, (("door", 2),), (4,)),
    ]
    assert made.news() == ()
    assert (made.messages, made.changes) == (5, 4)


def test_a_merge_holds_for_tracklets_that_the_centre_does_not_list_any_more() -> None:
    made = known()
    made.take(said(1, "match", 7, 1, 2))
    made.take(said(2, "merge", 4, 5, edge="e2", previous=(7,)))
    assert who(made, 1, 2) == [4, 4]
    assert [one.members for one in made.news()[1:]] == [(("door", 1), ("door", 2))]


def test_those_of_other_hosts_and_starts_are_not_kept() -> None:
    made = known()
    made.take(said(1, "new", 4, 1, edge="e2"))
    made.take(said(2, "new", 5, 1, edge_boot="b0"))
    assert who(made, 1) == [0]
    assert (len(made), made.messages, made.news()) == (0, 0, ())


def test_what_comes_late_changes_nothing_that_was_said_later() -> None:
    made = known()
    made.take(said(5, "match", 9, 1))
    made.take(said(2, "new", 4, 1))
    assert who(made, 1) == [9]
    # Somebody joins an identity that was merged meanwhile.
    made.take(said(8, "merge", 9, 3, previous=(7,)))
    made.take(said(6, "match", 7, 2))
    assert who(made, 2) == [9]
    made.take(said(10, "new", 7, 4))
    assert who(made, 4) == [7]


def test_the_newest_start_of_the_centre_counts() -> None:
    made = known()
    made.take(said(50, "new", 4, 1, boot="c1"))
    made.take(said(1, "match", 6, 1, boot="c2"))
    made.take(said(51, "match", 4, 1, boot="c1"))  # handed out again
    assert who(made, 1) == [6]
    # What it greets with is nothing new.
    made.news()
    made.take(said(1, "match", 6, 1, boot="c3"))
    assert made.news() == ()


def test_those_told_of_are_awaited_until_the_centre_names_them() -> None:
    clock = Clock(100.0)
    made = known(clock)
    made.expect("door", 1)
    made.expect("door", 2)
    assert made.awaited == 2
    made.take(said(1, "new", 4, 1))
    clock.now_s += 3
    made.take(said(2, "new", 5, 9, edge="e2"))
    assert (made.awaited, made.quiet_s) == (1, 3.0)
    made.take(said(3, "split", 0, 2))
    made.expect("door", 1)
    assert made.awaited == 0


def test_the_old_are_forgotten_and_those_in_sight_are_not() -> None:
    clock = Clock(100.0)
    made = known(clock)
    made.take(said(1, "new", 4, 1, 2))
    made.expect("door", 3)
    clock.now_s += 3000
    assert who(made, 1) == [4]
    clock.now_s += 1000
    made.take(said(2, "new", 5, 6))
    assert who(made, 1, 2, 6) == [4, 0, 5]
    assert (len(made), made.awaited) == (2, 0)
    # A merge of a forgotten one is no news.
    made.news()
    made.take(said(3, "merge", 9, 6, previous=(4, 5)))
    assert [one.members for one in made.news()] == [(("door", 1), ("door", 6))]


@pytest.mark.parametrize("kind", ["match", "merge"])
def test_memory_is_bounded(kind: str) -> None:
    made = known(most=100)
    for number in range(1, 1000):
        made.expect("door", number)
        made.take(said(number, kind, number, number, previous=(number + 5000,)))
    assert len(made) == 100
    assert who(made, 899, 900, 999) == [0, 900, 999]


def test_files_that_begin_are_told_of_those_in_sight() -> None:
    clock = Clock(100.0)
    made = known(clock)
    made.take(said(1, "new", 4, 1, 2))
    made.take(said(2, "new", 5, 3))
    made.expect("door", 7)
    clock.now_s += 30
    who(made, 2)
    who(made, 3)
    clock.now_s += 5
    assert [(one.identity, one.members) for one in made.recent(10, NOW_S)] == [
        (4, (("door", 2),)),
        (5, (("door", 3),)),
    ]


@settings(max_examples=examples(100), deadline=None)
@given(st.integers(0, 10_000))
def test_events_amount_to_what_is_known_in_any_order(seed: int) -> None:
    """Messages of a made-up centre, shuffled within a window as brokers may do."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    truth: dict[int, int] = {}
    messages = []
    for seq in range(1, 40):
        kind = chance.choice(["new", "match", "merge", "split"])
        numbers = sorted(set(truth.values()))
        if kind == "merge" and len(numbers) > 1:
            gone, kept = chance.sample(numbers, 2)
            members = [track for track, number in truth.items() if number == gone]
            messages.append(said(seq, "merge", kept, *members, previous=(gone,)))
            truth |= dict.fromkeys(members, kept)
        elif kind == "split" and truth:
            track = chance.choice(sorted(truth))
            messages.append(said(seq, "split", 100 + seq, track, previous=(truth[track],)))
            truth[track] = 100 + seq
        else:
            number = chance.choice(numbers) if kind == "match" and numbers else 100 + seq
            truth[seq] = number
            messages.append(said(seq, "match" if number != 100 + seq else "new", number, seq))
    order = sorted(range(len(messages)), key=lambda at: at + chance.uniform(0, 5))
    made = known()
    replay: dict[tuple[str, int], int] = {}
    events: list[IdentityEvent] = []
    for at in order:
        made.take(messages[at])
        events += made.news()
    for event in events:
        replay |= dict.fromkeys(event.members, event.identity)
    tracks = sorted(truth)
    assert who(made, *tracks) == [truth[track] for track in tracks]
    assert [replay["door", track] for track in tracks] == [truth[track] for track in tracks]
