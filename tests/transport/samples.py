"""Messages for tests: simple ones, and hypothesis strategies for all kinds."""

from __future__ import annotations

import json
from typing import Any, get_args

import numpy as np
from hypothesis import strategies as st

from reid_tracker.transport.wire.codec import encode_message
from reid_tracker.transport.wire.embeddings import Prototypes
from reid_tracker.transport.wire.messages import (
    CameraMessage,
    CameraState,
    EdgeMessage,
    EdgeState,
    IdentityMessage,
    Message,
    Observation,
    TrackletMessage,
    TrackletRef,
    TrackletState,
)
from reid_tracker.types import ClockSource, EventKind

ENCODER = "ab" * 32
NOW_S = 1_764_000_000.0
PICTURE = b"\xff\xd8\xff\xe0" + bytes(range(256)) + b"\xff\xd9"
"""Begins and ends like a JPEG file."""


def unit(rows: int, dim: int, seed: int = 0) -> np.ndarray:
    vectors = np.abs(np.random.default_rng(seed).standard_normal((rows, dim)))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def tracklet(seq: int = 0, **changes: Any) -> TrackletMessage:
    """A tracklet message of edge "e1", camera "door", with two prototypes of 32 values."""
    values: dict[str, Any] = {
        "edge": "e1",
        "boot": "b1",
        "edge_seq": seq,
        "camera": "door",
        "track": 1,
        "state": "update",
        "start_s": NOW_S,
        "end_s": NOW_S + 2,
        "clock": "rtcp",
        "frames": 20,
        "quality": 0.75,
        "observations": (Observation(NOW_S + 1, (0.1, 0.2, 0.3, 0.6), (0.2, 0.6), (3.5, -1.25)),),
        "prototypes": Prototypes.of(ENCODER, unit(2, 32), [3.0, 1.5]),
    }
    return TrackletMessage(**(values | changes))


def status(seq: int = 0, **changes: Any) -> CameraMessage:
    values: dict[str, Any] = {
        "edge": "e1",
        "boot": "b1",
        "edge_seq": seq,
        "camera": "door",
        "time_s": NOW_S,
        "state": "live",
        "reason": "",
        "clock": "arrival",
        "frames": 1000,
        "dropped": 3,
        "frame_rate": 9.98,
        "frame_age_s": 0.12,
    }
    return CameraMessage(**(values | changes))


def host(number: int = 0, **changes: Any) -> EdgeMessage:
    values: dict[str, Any] = {
        "edge": "e1",
        "boot": "b1",
        "number": number,
        "time_s": NOW_S,
        "state": "started",
        "reason": "",
    }
    return EdgeMessage(**(values | changes))


def identity(seq: int = 0, **changes: Any) -> IdentityMessage:
    values: dict[str, Any] = {
        "centre": "c1",
        "boot": "b9",
        "seq": seq,
        "kind": "merge",
        "identity": 4,
        "previous_ids": (7,),
        "members": (TrackletRef("e1", "b1", "door", 1),),
        "reason": "looks alike",
        "score": 0.8125,
        "time_s": NOW_S,
    }
    return IdentityMessage(**(values | changes))


def as_json(message: Message) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(encode_message(message))
    return values


def _short(name: str) -> bool:
    return len(name.encode()) <= 200


LETTERS = st.characters(codec="utf-8", exclude_characters="\0")
NAMES = st.text(LETTERS, min_size=1, max_size=200).filter(_short)
SEQUENCES = st.integers(0, 2**53)
TIMES = st.floats(0, 1e11)


@st.composite
def prototypes(draw: st.DrawFn) -> Prototypes:
    dim, count = draw(st.integers(1, 300)), draw(st.integers(0, 16))
    rows = unit(count, dim, draw(st.integers(0, 1000))) * draw(st.sampled_from([1, -1]))
    weights = draw(st.lists(st.floats(1e-3, 1e6), min_size=count, max_size=count))
    return Prototypes.of(draw(NAMES), rows, weights)


@st.composite
def observations(draw: st.DrawFn, time_s: float) -> Observation:
    part = st.floats(-1, 2)
    left, right = sorted([draw(part), draw(part)])
    top, bottom = sorted([draw(part), draw(part)])
    metres = st.floats(-1e6, 1e6)
    world = draw(st.none() | st.tuples(metres, metres))
    return Observation(time_s, (left, top, right, bottom), (draw(part), draw(part)), world)


@st.composite
def tracklets(draw: st.DrawFn) -> TrackletMessage:
    # Round before sorting, since the order must hold for the rounded values.
    times = sorted(round(draw(TIMES), 3) for _ in range(draw(st.integers(1, 8)) + 2))
    return TrackletMessage(
        edge=draw(NAMES),
        boot=draw(NAMES),
        edge_seq=draw(SEQUENCES),
        camera=draw(NAMES),
        track=draw(st.integers(1, 2**53)),
        state=draw(st.sampled_from(get_args(TrackletState))),
        start_s=times[0],
        end_s=times[-1],
        clock=draw(st.sampled_from(get_args(ClockSource))),
        frames=draw(st.integers(1, 2**53)),
        quality=draw(st.floats(0, 1)),
        observations=tuple(draw(observations(time_s)) for time_s in times[1:-1]),
        prototypes=draw(prototypes()),
        picture=draw(st.sampled_from([None, PICTURE])),
    )


STATUSES = st.builds(
    CameraMessage,
    edge=NAMES,
    boot=NAMES,
    edge_seq=SEQUENCES,
    camera=NAMES,
    time_s=TIMES,
    state=st.sampled_from(get_args(CameraState)),
    reason=st.text(LETTERS, max_size=120),
    clock=st.sampled_from(get_args(ClockSource)),
    frames=SEQUENCES,
    dropped=SEQUENCES,
    frame_rate=st.floats(0, 1e4),
    frame_age_s=st.none() | st.floats(-1e9, 1e9),
)

HOSTS = st.builds(
    EdgeMessage,
    edge=NAMES,
    boot=NAMES,
    number=SEQUENCES,
    time_s=TIMES,
    state=st.sampled_from(get_args(EdgeState)),
    reason=st.text(LETTERS, max_size=120),
)

MEMBERS = st.builds(TrackletRef, edge=NAMES, boot=NAMES, camera=NAMES, track=st.integers(1, 2**53))

IDENTITIES = st.builds(
    IdentityMessage,
    centre=NAMES,
    boot=NAMES,
    seq=SEQUENCES,
    kind=st.sampled_from(get_args(EventKind)),
    identity=SEQUENCES,
    previous_ids=st.lists(st.integers(1, 2**53), max_size=20).map(tuple),
    members=st.lists(MEMBERS, max_size=5).map(tuple),
    reason=st.text(LETTERS, max_size=120),
    score=st.floats(0, 1),
    time_s=TIMES,
)

MESSAGES: st.SearchStrategy[Message] = st.one_of(tracklets(), STATUSES, HOSTS, IDENTITIES)
