"""Encoding and decoding messages: round trips, refused messages, and their cost."""

from __future__ import annotations

import base64
import json
import time
import tracemalloc
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reid_tracker.errors import MessageError
from reid_tracker.transport.wire.codec import MAX_MESSAGE_BYTES, decode_message, encode_message
from reid_tracker.transport.wire.embeddings import Prototypes
from reid_tracker.transport.wire.messages import (
    MAX_PICTURE_BYTES,
    Message,
    Observation,
)
from reid_tracker.transport.wire.schema import json_schema
from tests.examples import examples
from tests.transport.samples import (
    ENCODER,
    MESSAGES,
    PICTURE,
    as_json,
    identity,
    status,
    tracklet,
    unit,
)

VALIDATOR = jsonschema.Draft202012Validator(json_schema())


def refused(data: bytes) -> str:
    """Decode a message that must be refused; return the error's text, one short line."""
    with pytest.raises(MessageError) as caught:
        decode_message(data)
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 600
    return text


@settings(max_examples=examples(150), deadline=None)
@given(MESSAGES)
def test_round_trip(message: Message) -> None:
    data = encode_message(message)
    assert len(data) <= MAX_MESSAGE_BYTES
    again = decode_message(data)
    assert again == message
    assert hash(again) == hash(message)
    assert encode_message(again) == data
    assert again.message_id == message.message_id
    assert again.message_id.isascii()
    VALIDATOR.validate(json.loads(data))


def test_a_message_in_full() -> None:
    values = as_json(tracklet(5))
    vectors = values["prototypes"].pop("vectors")
    assert values == {
        "schema": 1,
        "type": "tracklet",
        "edge": "e1",
        "boot": "b1",
        "edge_seq": 5,
        "camera": "door",
        "track": 1,
        "state": "update",
        "start_s": 1764000000.0,
        "end_s": 1764000002.0,
        "clock": "rtcp",
        "frames": 20,
        "quality": 0.75,
        "observations": [
            {
                "time_s": 1764000001.0,
                "box": [0.1, 0.2, 0.3, 0.6],
                "foot": [0.2, 0.6],
                "world": [3.5, -1.25],
            }
        ],
        "prototypes": {"encoder": ENCODER, "dim": 32, "dtype": "float16", "weights": [3.0, 1.5]},
    }
    rows = np.frombuffer(base64.b64decode(vectors), "<f2").reshape(2, 32)
    assert np.allclose(rows, unit(2, 32), atol=1e-3)


def test_the_largest_message_fits() -> None:
    """Even if each letter of each name takes six bytes of JSON."""
    name = "\x01" * 200
    observation = Observation(1e11, (-0.12345,) * 4, (-0.12345,) * 2, (-999999.123,) * 2)
    message = tracklet(
        2**53,
        edge=name,
        boot=name,
        camera=name,
        end_s=1e11,
        observations=(observation,) * 64,
        prototypes=Prototypes.of(name, unit(16, 1024), [123456789.1234] * 16),
        picture=PICTURE[:-2] + bytes(MAX_PICTURE_BYTES - len(PICTURE)) + PICTURE[-2:],
    )
    assert 60_000 < len(encode_message(message)) <= MAX_MESSAGE_BYTES


def changed(**changes: Any) -> bytes:
    return json.dumps(as_json(tracklet()) | changes).encode()


def with_prototypes(**changes: Any) -> bytes:
    values = as_json(tracklet())
    values["prototypes"] |= changes
    return json.dumps(values).encode()


SOME: st.SearchStrategy[Message] = st.sampled_from([tracklet(), status(), identity()])


ROW = base64.b64encode(np.full(32, 7, "<f2").tobytes()).decode()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not JSON"),
        (b"null", "a JSON NoneType"),
        (b"[]", "a JSON list"),
        (b"{}", "schema None, expected 1"),
        (changed(schema=2), "schema 2, expected 1; run the same version"),
        (changed(schema=True), "schema True"),
        (changed(schema="1" * 500), "schema '111"),
        (changed(type="frame"), "type 'frame', expected one of tracklet"),
        (changed(type=["tracklet"]), "expected one of tracklet"),
        (changed(colour="red"), "unknown field `colour`"),
        (changed(edge=None), "null at 'edge'"),
        (changed(edge={"a": 1}), "Expected `str`, got `object` - at `$.edge`"),
        (changed(track="1"), "Expected `int`, got `str` - at `$.track`"),
        (changed(observations={}), "Expected `array`, got `object` - at `$.observations`"),
        (changed(observations=[{}] * 65), "Expected `array` of length <= 64"),
        (changed(observations=[{}]), "missing required field `time_s` - at `$.observations[0]`"),
        (changed(prototypes=[]), "Expected `object`, got `array`"),
        (changed(edge_seq=10**400), "edge_seq"),
        (changed(edge_seq="x").replace(b'"x"', b"9" * 5000), "not JSON: Exceeds the limit"),
        (changed(start_s="x").replace(b'"x"', b"1e999"), "at `$.start_s`"),
        (changed(start_s="x").replace(b'"x"', b"NaN"), "at `$.start_s`"),
        (changed(start_s="x").replace(b'"x"', b"-Infinity"), "at `$.start_s`"),
        (changed().replace(b'"edge"', b'"camera"'), "key twice"),
        (changed(edge="\ud800"), "lone surrogates"),
        (changed().decode().encode("utf-16"), "not JSON"),
        (b"\xef\xbb\xbf" + changed(), "not JSON"),
        (b"\xff" + changed(), "not JSON"),
        (with_prototypes(dtype="float32"), "at `$.prototypes.dtype`"),
        (with_prototypes(dim=64), "of length 1"),
        (with_prototypes(dim=0), "Expected `int` >= 1 - at `$.prototypes.dim`"),
        (with_prototypes(dim=10**30, weights=[], vectors=""), "dim"),
        (with_prototypes(dim=31), "Prototypes.vectors"),
        (with_prototypes(weights=[1, 2, 3]), "by weights and dim"),
        (with_prototypes(vectors="AAA"), "Expected base64"),
        (with_prototypes(vectors="AA=="), "two bytes each"),
        (with_prototypes(vectors="!" * 20), "Expected base64"),
        (with_prototypes(vectors="ä" * 20), "Expected base64"),
        (with_prototypes(vectors=7), "base64 of at most"),
        (with_prototypes(vectors=ROW, weights=[1]), "of length 1"),
        (with_prototypes(vectors="AHwA" * 16, weights=[1], dim=24), "of length 1"),
        (b"x" * (MAX_MESSAGE_BYTES + 1), "65537 bytes, expected at most 65536"),
    ],
)
def test_messages_that_are_refused(data: bytes, words: str) -> None:
    assert words in refused(data)


@pytest.mark.parametrize(
    "data",
    [
        b"[" * MAX_MESSAGE_BYTES,
        b'{"a":' * (MAX_MESSAGE_BYTES // 5),
        b"[[]," * (MAX_MESSAGE_BYTES // 4),
        b'{"schema":1,"type":"tracklet","edge":' + b"[" * 30_000 + b"]" * 30_000 + b"}",
        b'{"schema":1,"type":"tracklet","edge":[' + b"{}," * 20_000 + b"{}]}",
        b'{"schema":1,"type":"tracklet","edge":"' + b"\\ud83d" * 10_000 + b'"}',
        b'{"schema":1,"type":"tracklet","edge":' + b"9" * 60_000 + b"}",
        b'{"schema":1,"type":"tracklet","edge":0.' + b"9" * 60_000 + b"}",
        b'{"schema":1,"type":"tracklet",' + b'"a":1,' * 10_000 + b'"b":1}',
        np.random.default_rng(0).bytes(MAX_MESSAGE_BYTES),
        np.random.default_rng(0).bytes(2**20),
        bytes(2**20),
    ],
    ids=lambda data: f"{len(data)} {data[:24]!r}",
)
def test_hostile_messages_cost_little(data: bytes) -> None:
    tracemalloc.start()
    start = time.process_time()
    refused(data)
    spent = time.process_time() - start
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert spent < 1.0
    assert peak < 16 * 2**20


@pytest.mark.parametrize("message", [tracklet(), status(), identity()], ids=["t", "s", "i"])
def test_every_truncation_is_refused(message: Message) -> None:
    data = encode_message(message)
    for end in range(len(data)):
        refused(data[:end])


@settings(max_examples=examples(300), deadline=None)
@given(st.binary(max_size=300))
def test_noise(data: bytes) -> None:
    refused(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)


@settings(max_examples=examples(300), deadline=None)
@given(st.data())
def test_one_value_replaced(data: st.DataObject) -> None:
    """Only messages that the schema allows are read, and they can be encoded again unchanged."""
    values = as_json(data.draw(SOME))
    place: Any = values
    while isinstance(place, dict | list) and place:
        keys = list(place) if isinstance(place, dict) else range(len(place))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(place[key], dict | list) or data.draw(st.booleans()):
            place[key] = data.draw(JSON)
            break
        place = place[key]
    written = json.dumps(values).encode()
    try:
        message = decode_message(written)
    except MessageError:
        return
    VALIDATOR.validate(values)
    assert decode_message(encode_message(message)) == message


@settings(max_examples=examples(300), deadline=None)
@given(st.data())
def test_bytes_flipped(data: st.DataObject) -> None:
    written = bytearray(encode_message(data.draw(SOME)))
    for _ in range(data.draw(st.integers(1, 3))):
        written[data.draw(st.integers(0, len(written) - 1))] = data.draw(st.integers(0, 255))
    try:
        message = decode_message(bytes(written))
    except MessageError:
        return
    assert decode_message(encode_message(message)) == message
