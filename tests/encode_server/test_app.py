"""What the server answers, to requests that are right and to those that are wrong."""

from __future__ import annotations

import json
import zlib
from struct import pack
from typing import Any

import cv2
import numpy as np
import pytest
import schemathesis
from fastapi import HTTPException
from fastapi.testclient import TestClient
from hypothesis import settings
from hypothesis import strategies as st
from schemathesis import Case
from schemathesis.specs.openapi.checks import positive_data_acceptance

from reid_tracker.encode_server.app import JSON, RAW, create_app, wants_raw
from reid_tracker.encode_server.batcher import Batcher
from reid_tracker.encode_server.limits import RequestLimits
from tests.encode_server.samples import FORM, MODEL, MeanColour, form, picture

BLUE, RED = picture(255, 0, 0), picture(0, 0, 255)
HALVES = np.zeros((20, 20, 3), np.uint8)
HALVES[:, :10, 0] = HALVES[:, 10:, 2] = 200
FRAME = cv2.imencode(".png", HALVES)[1].tobytes()


@pytest.fixture(scope="module")
def client() -> TestClient:
    return TestClient(create_app(Batcher(MeanColour()), MODEL))


def send(client: TestClient, path: str, *fields: tuple[str, bytes | str]) -> tuple[int, str]:
    answer = client.post(path, content=form(*fields), headers=FORM)
    return answer.status_code, answer.text


def test_crops_are_embedded_in_their_order(client: TestClient) -> None:
    status, text = send(client, "/v1/crops", ("crops", BLUE), ("crops", RED))
    assert status == 200
    assert json.loads(text) == {"fingerprint": "mean", "embeddings": [[1, 0, 0], [0, 0, 1]]}


def test_people_of_a_frame_are_embedded_in_the_order_of_the_boxes(client: TestClient) -> None:
    boxes = "[[10, 0, 20, 20], [0, 0, 10.0, 20]]"
    status, text = send(client, "/v1/frame", ("frame", FRAME), ("boxes", boxes))
    assert (status, json.loads(text)["embeddings"]) == (200, [[0, 0, 1], [1, 0, 0]])
    status, text = send(client, "/v1/frame", ("boxes", "[]"), ("frame", FRAME))
    assert (status, json.loads(text)["embeddings"]) == (200, [])


def test_the_same_numbers_come_as_float16(client: TestClient) -> None:
    body = form(("crops", BLUE), ("crops", RED))
    answer = client.post("/v1/crops", content=body, headers={**FORM, "Accept": RAW})
    assert answer.headers["content-type"] == RAW
    shape = [int(answer.headers[f"x-embedding-{name}"]) for name in ("count", "size")]
    rows = np.frombuffer(answer.content, "<f2").reshape(shape)
    assert rows.tolist() == [[1, 0, 0], [0, 0, 1]]
    assert answer.headers["x-embedding-fingerprint"] == "mean"


@pytest.mark.parametrize(
    ("accept", "raw"),
    [
        ("", False),
        ("*/*", False),
        ("application/*", False),
        (JSON, False),
        (RAW, True),
        (f"{JSON};q=0.5, {RAW}", True),
        (f"{RAW};q=0.5, */*", False),
        ("text/html, */*;q=0.1", False),
    ],
)
def test_the_caller_chooses_the_form(accept: str, raw: bool) -> None:
    assert wants_raw(accept) == raw


@pytest.mark.parametrize("accept", ["text/html", f"{JSON};q=0", f"{JSON};q=x"])
def test_other_forms_are_not_to_be_had(accept: str) -> None:
    with pytest.raises(HTTPException) as caught:
        wants_raw(accept)
    assert caught.value.status_code == 406


def bomb() -> bytes:
    """Return a PNG of a few hundred kilobytes whose pixels would take 1.2 GB."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return pack(">I", len(data)) + kind + data + pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(bytes(1_000_000)))
    return b"\x89PNG\r\n\x1a\n" + head + data + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("path", "fields", "status", "text"),
    [
        ("crops", [("crops", b"hello")], 422, "picture 0 is not a JPEG, PNG or WebP picture"),
        ("crops", [("crops", b"<svg/>")], 422, "not a JPEG"),
        ("crops", [("crops", BLUE[:40])], 422, "picture 0: it is damaged"),
        ("crops", [("crops", b"")], 422, "picture 0"),
        ("crops", [("crops", BLUE), ("crops", bomb())], 413, "400,000,200 pixels, at most"),
        ("crops", [("crops", "text")], 422, "crops is a text"),
        ("crops", [], 422, "no field crops"),
        ("crops", [("crops", BLUE), ("bowes", "1")], 422, "unknown fields: bowes; known: crops"),
        ("crops", [("crops", BLUE)] * 5, 413, "at most 4 pictures"),
        ("crops", [("crops", BLUE)] * 9, 400, "Too many files"),
        ("frame", [("frame", FRAME)], 422, "expected a file frame, and boxes"),
        ("frame", [("frame", FRAME), ("boxes", "[[0,0,1,1]]"), ("boxes", "[]")], 422, "expected"),
        ("frame", [("frame", FRAME), ("boxes", "[[10,0,5,9]]")], 422, "boxes: "),
        ("frame", [("frame", FRAME), ("boxes", "[[NaN,0,5,9]]")], 422, "finite"),
        ("frame", [("frame", FRAME), ("boxes", "[[1,2,3]]")], 422, "expected (N, 4)"),
        ("frame", [("frame", FRAME), ("boxes", "[" * 100_000)], 422, "boxes: "),
        ("frame", [("frame", FRAME), ("boxes", "[[" + "9" * 5000 + ",0,1,1]]")], 422, "boxes: "),
        ("frame", [("frame", FRAME), ("boxes", '{"a": 1}')], 422, "boxes: "),
        ("frame", [("frame", FRAME), ("boxes", "[[0,0,1,1]]" * 5)], 422, "Extra data"),
        ("frame", [("frame", FRAME), ("boxes", f"[{'[0,0,9,9],' * 4}[0,0,9,9]]")], 413, "5 boxes"),
    ],
    ids=str,
)
def test_what_is_refused(
    path: str, fields: list[tuple[str, bytes | str]], status: int, text: str
) -> None:
    with Batcher(MeanColour()) as batcher:
        client = TestClient(create_app(batcher, MODEL, limits=RequestLimits(crops=4)))
        found = send(client, f"/v1/{path}", *fields)
    assert found[0] == status
    assert text in json.loads(found[1])["detail"]


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("application/json", b"{}", 415),
        ("application/x-www-form-urlencoded", b"crops=1", 415),
        ("multipart/form-data", b"", 400),
        ("multipart/form-data; boundary=b", b"--b\r\nno header", 400),
        ("multipart/form-data; boundary=b", b"garbage", 400),
    ],
)
def test_other_bodies_are_refused(client: TestClient, kind: str, body: bytes, status: int) -> None:
    answer = client.post("/v1/crops", content=body, headers={"Content-Type": kind})
    assert answer.status_code == status
    assert answer.json()["detail"]


def test_more_than_may_wait_is_sent_away_and_told_when_to_come_back() -> None:
    for limits in (RequestLimits(waiting_crops=1), RequestLimits(waiting_pixels=300)):
        with Batcher(MeanColour()) as batcher:
            client = TestClient(create_app(batcher, MODEL, limits=limits))
            body = form(("crops", BLUE), ("crops", RED))
            answer = client.post("/v1/crops", content=body, headers=FORM)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
            body = form(("crops", BLUE))  # nothing is left behind
            assert client.post("/v1/crops", content=body, headers=FORM).status_code == 200


def test_the_encoder_is_named_and_its_health_is_told() -> None:
    batcher = Batcher(MeanColour())
    client = TestClient(create_app(batcher, MODEL))
    assert client.get("/v1/model").json() == {
        "encoder": "mean colour",
        "fingerprint": "mean",
        "embedding_size": 3,
    }
    assert client.get("/healthz").json() == {"healthy": True}
    batcher.close()
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (503, {"healthy": False})


PICTURES = st.sampled_from([BLUE, RED, FRAME])
for kind in ("image/jpeg", "image/png", "image/webp"):
    schemathesis.openapi.media_type(kind, PICTURES)
schema = schemathesis.openapi.from_asgi(
    "/openapi.json", create_app(Batcher(MeanColour()), MODEL, limits=RequestLimits(crops=4))
)


@pytest.mark.slow
@schema.parametrize()
@settings(deadline=None, max_examples=50)
def test_the_openapi_document_is_true(case: Case[Any]) -> None:
    excluded: list[Any] = []
    if isinstance(case.body, dict):
        if isinstance(case.body.get("crops"), bytes):
            case.body["crops"] = [case.body["crops"]]  # else schemathesis sends it as a text
        if isinstance(case.body.get("boxes"), list):  # else it sends a part for each
            case.body["boxes"] = json.dumps(case.body["boxes"])
        if "boxes" in case.body:
            excluded.append(positive_data_acceptance)  # a schema cannot say: left before right
    case.call_and_validate(excluded_checks=excluded)
