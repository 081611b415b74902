"""Messages: round trips, what is refused and how, and that nothing costs much time or memory."""

from __future__ import annotations

import base64
import json
import time
import tracemalloc
from typing import Any, get_args

import jsonschema
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reid_tracker.errors import MessageError, ReidTrackerError
from reid_tracker.transport.wire.codec import MAX_MESSAGE_BYTES, decode_message, encode_message
from reid_tracker.transport.wire.embeddings import Prototypes
from reid_tracker.transport.wire.messages import (
    CameraState,
    Message,
    Observation,
    TrackletMessage,
    check_encoder,
    new_boot_id,
)
from reid_tracker.transport.wire.picture import MOST_PICTURE_BYTES
from reid_tracker.transport.wire.schema import SCHEMA_FILE, json_schema, schema_text
from reid_tracker.types import SourceState
from tests.transport.samples import (
    ENCODER,
    MESSAGES,
    NOW_S,
    PICTURE,
    identity,
    status,
    tracklet,
    unit,
)

VALIDATOR = jsonschema.Draft202012Validator(json_schema())


def as_json(message: Message) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(encode_message(message))
    return values


def refused(data: bytes) -> str:
    """Decode what must be refused; return the error's text, which is one short line."""
    with pytest.raises(MessageError) as caught:
        decode_message(data)
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 600
    return text


def test_committed_schema_is_that_of_the_code() -> None:
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text(), (
        "run `python -m reid_tracker.transport.wire.schema`"
    )
    jsonschema.Draft202012Validator.check_schema(json_schema())


def test_states_of_cameras_are_those_of_sources() -> None:
    assert get_args(CameraState) == tuple(state.value for state in SourceState)


@settings(max_examples=150, deadline=None)
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


def test_a_picture_travels_as_it_is() -> None:
    message = tracklet(picture=PICTURE)
    assert as_json(message)["picture"] == base64.b64encode(PICTURE).decode()
    assert decode_message(encode_message(message)) == message
    assert "picture" not in as_json(tracklet())


@pytest.mark.parametrize(
    "picture", [b"", b"GIF89a", PICTURE[:-1], bytes(MOST_PICTURE_BYTES + 1), "text", 7]
)
def test_what_is_no_small_jpeg_file_is_refused(picture: object) -> None:
    with pytest.raises(MessageError, match="expected a JPEG file of at most 6000 bytes"):
        tracklet(picture=picture)
    data = encode_message(tracklet(picture=PICTURE))
    sent = base64.b64encode(picture).decode() if isinstance(picture, bytes) else picture
    values = json.loads(data) | {"picture": sent}
    with pytest.raises(MessageError, match="picture = "):
        decode_message(json.dumps(values).encode())


def test_half_precision_keeps_cosines() -> None:
    one, other = unit(1, 512, 1), unit(1, 512, 2)
    message = tracklet(prototypes=Prototypes.of(ENCODER, np.concatenate([one, other]), [1, 1]))
    got = decode_message(encode_message(message))
    assert isinstance(got, TrackletMessage)
    rows = got.prototypes.vectors.astype(np.float32)
    assert abs(float(rows[0] @ rows[1]) - float(one[0] @ other[0])) < 2e-4


def test_a_message_cannot_be_changed() -> None:
    source = unit(2, 32).astype(np.float16)
    looks = Prototypes.of(ENCODER, source, [1, 1])
    source[:] = 0
    assert looks.vectors.any()
    with pytest.raises(ValueError, match="read-only"):
        looks.vectors[0] = 0


def test_a_tracklet_without_looks() -> None:
    message = tracklet(prototypes=Prototypes.of(ENCODER, np.zeros((0, 512)), []))
    got = decode_message(encode_message(message))
    assert got == message
    assert isinstance(got, TrackletMessage)
    assert got.prototypes.vectors.shape == (0, 512)
    assert len(got.prototypes) == 0


def test_the_largest_message_fits() -> None:
    """Also where each letter of each name takes six bytes of JSON."""
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
        picture=PICTURE[:-2] + bytes(MOST_PICTURE_BYTES - len(PICTURE)) + PICTURE[-2:],
    )
    assert 60_000 < len(encode_message(message)) <= MAX_MESSAGE_BYTES


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"edge": ""}, "TrackletMessage.edge = '': expected text of 1 to 200 bytes"),
        ({"edge": "ä" * 101}, "text of 1 to 200 bytes"),
        ({"camera": "a\0b"}, "without NUL"),
        ({"camera": "\ud800"}, "lone surrogates"),
        ({"edge_seq": -1}, "a whole number from 0"),
        ({"edge_seq": 2**53 + 1}, "a whole number"),
        ({"edge_seq": True}, "a whole number"),
        ({"edge_seq": 1.0}, "a whole number"),
        ({"track": 0}, "a whole number from 1"),
        ({"state": "gone"}, "one of new, update, end"),
        ({"clock": "ntp"}, "one of rtcp, arrival, file"),
        ({"start_s": float("nan")}, "is not a number"),
        ({"end_s": float("inf")}, "a number from 0 to 1e+11"),
        ({"end_s": NOW_S - 1}, "start_s <= end_s"),
        ({"quality": 1.01}, "a number from 0 to 1"),
        ({"observations": ()}, "a list of 1 to 64"),
        ({"observations": (Observation(NOW_S - 1, (0, 0, 1, 1), (0, 0)),)}, "times that rise"),
        ({"observations": (1,)}, "a Observation"),
    ],
)
def test_values_that_do_not_fit(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(MessageError) as caught:
        tracklet(**changes)
    assert words in str(caught.value)
    assert isinstance(caught.value, ReidTrackerError)


@pytest.mark.parametrize(
    ("rows", "weights", "words"),
    [
        (np.ones((2, 32)), [1, 1], "of length 1"),
        (np.full((1, 4), np.nan), [1], "of length 1"),
        (np.full((1, 4), 1e30), [1], "of length 1"),
        (np.zeros((1, 4)), [1], "of length 1"),
        (unit(2, 32), [1], "by weights and dim"),
        (unit(2, 32), [1, 0], "Prototypes.weights[1] = 0"),
        (unit(2, 32), [1, np.inf], "Prototypes.weights[1]"),
        (unit(17, 4), [1] * 17, "a list of 0 to 16"),
        (unit(17, 4), [1] * 16, "P <= 16"),
        (unit(9, 2048), [1] * 9, "at most 16384 values"),
        (unit(1, 5000), [1], "Prototypes.dim = 5000"),
        (np.zeros(4), [1], "expected (P, D)"),
    ],
)
def test_prototypes_that_do_not_fit(rows: np.ndarray, weights: list[float], words: str) -> None:
    with pytest.raises(MessageError) as caught:
        Prototypes.of(ENCODER, rows, weights)
    assert words in str(caught.value)


def test_boxes_upside_down() -> None:
    with pytest.raises(MessageError, match="left <= right"):
        Observation(NOW_S, (0.5, 0, 0.4, 1), (0, 0))


def test_another_encoder() -> None:
    message = tracklet()
    check_encoder(message, ENCODER, 32)
    check_encoder(status(), "other", 1)
    with pytest.raises(MessageError, match="edge 'e1' sends embeddings of encoder abababababab"):
        check_encoder(message, "cd" * 32, 32)
    with pytest.raises(MessageError, match="with 32 values, expected abababababab with 512"):
        check_encoder(message, ENCODER, 512)


def changed(**changes: Any) -> bytes:
    return json.dumps(as_json(tracklet()) | changes).encode()


def with_looks(**changes: Any) -> bytes:
    values = as_json(tracklet())
    values["prototypes"] |= changes
    return json.dumps(values).encode()


SOME: st.SearchStrategy[Message] = st.sampled_from([tracklet(), status(), identity()])
ROW = base64.b64encode(np.full(32, 7, "<f2").tobytes()).decode()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no JSON"),
        (b"null", "a JSON NoneType"),
        (b"[]", "a JSON list"),
        (b"{}", "schema None, expected 1"),
        (changed(schema=2), "schema 2, expected 1; run the same version"),
        (changed(schema=True), "schema True"),
        (changed(schema="1" * 500), "schema '111"),
        (changed(type="frame"), "type 'frame', expected one of tracklet"),
        (changed(type=["tracklet"]), "expected one of tracklet"),
        (changed(colour="red"), "unknown key 'colour'"),
        (changed(edge=None), "edge = None"),
        (changed(edge={"a": 1}), "a dict of 1"),
        (changed(track="1"), "track = '1': expected a whole number"),
        (changed(observations={}), "observations = a dict"),
        (changed(observations=[{}] * 65), "a list of 1 to 64"),
        (changed(observations=[{}]), "no 'observations[0].time_s'"),
        (changed(prototypes=[]), "expected an object"),
        (changed(edge_seq=10**400), "edge_seq"),
        (changed(edge_seq="x").replace(b'"x"', b"9" * 5000), "no JSON: Exceeds the limit"),
        (changed(start_s="x").replace(b'"x"', b"1e999"), "start_s = inf"),
        (changed(start_s="x").replace(b'"x"', b"NaN"), "holds NaN"),
        (changed(start_s="x").replace(b'"x"', b"-Infinity"), "holds -Infinity"),
        (changed().replace(b'"edge"', b'"camera"'), "key twice"),
        (changed(edge="\ud800"), "lone surrogates"),
        (changed().decode().encode("utf-16"), "no JSON"),
        (b"\xef\xbb\xbf" + changed(), "no JSON"),
        (b"\xff" + changed(), "no JSON"),
        (with_looks(dtype="float32"), "one of float16"),
        (with_looks(dim=64), "of length 1"),
        (with_looks(dim=0), "dim = 0"),
        (with_looks(dim=10**30, weights=[], vectors=""), "dim"),
        (with_looks(dim=31), "Prototypes.vectors"),
        (with_looks(weights=[1, 2, 3]), "by weights and dim"),
        (with_looks(vectors="AAA"), "expected base64"),
        (with_looks(vectors="AA=="), "two bytes each"),
        (with_looks(vectors="!" * 20), "expected base64"),
        (with_looks(vectors="ä" * 20), "expected base64"),
        (with_looks(vectors=7), "base64 of at most"),
        (with_looks(vectors=ROW, weights=[1]), "of length 1"),
        (with_looks(vectors="AHwA" * 16, weights=[1], dim=24), "of length 1"),
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


@settings(max_examples=300, deadline=None)
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


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_one_value_replaced(data: st.DataObject) -> None:
    """Only what the schema allows is read, and what is read can be sent on unchanged."""
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


@settings(max_examples=300, deadline=None)
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


def test_boot_ids_differ() -> None:
    assert new_boot_id() != new_boot_id()
