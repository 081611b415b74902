"""Attacks on a real server: each is refused in time, and others are served meanwhile."""

from __future__ import annotations

import http.client
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from reid_tracker.encode_server.limits import RequestLimits
from tests.encode_server.samples import FORM, MeanColour, form, picture, post, serving
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.slow  # real servers and clocks

CROP = form(("crops", picture(255, 0, 0)))
HEAD = (
    "POST /v1/crops HTTP/1.1\r\nHost: a\r\n"
    f"Content-Type: {FORM['Content-Type']}\r\nContent-Length: {len(CROP)}\r\n\r\n"
).encode()


def is_served(port: int) -> bool:
    return post(port, "/v1/crops", CROP)[0] == 200


def answer_to(port: int, *parts: bytes) -> bytes:
    """Send parts, and return all that comes until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as client:
        for part in parts:
            client.sendall(part)
        found = b""
        while data := client.recv(4096):
            found += data
        return found


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "x"}])
def test_without_the_token_nothing_is_read(header: dict[str, str]) -> None:
    with serving(MeanColour(), token="right") as port:  # noqa: S106
        status, headers, body = post(port, "/v1/crops", CROP, {**FORM, **header})
        assert (status, headers["www-authenticate"]) == (401, "Bearer")
        assert b"right" not in body
        # It is answered though the body is not sent.
        assert answer_to(port, HEAD).startswith(b"HTTP/1.1 401 ")
        for path in ("/v1/model", "/openapi.json", "/nothing"):
            assert post(port, path, b"", header)[0] == 401
        assert post(port, "/v1/crops", CROP, {**FORM, "Authorization": "Bearer right"})[0] == 200


def test_the_health_needs_no_token() -> None:
    with serving(MeanColour(), token="right") as port:  # noqa: S106
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
        connection.request("GET", "/healthz")
        assert connection.getresponse().read() == b'{"healthy":true}'
        connection.close()


def test_a_body_that_says_it_is_too_large_is_not_read() -> None:
    with serving(MeanColour(), limits=RequestLimits(body_bytes=1000)) as port:
        head = HEAD.replace(f"{len(CROP)}".encode(), b"1001")
        assert answer_to(port, head).startswith(b"HTTP/1.1 413 ")
        head = HEAD.replace(f"{len(CROP)}".encode(), b"9" * 19)
        assert answer_to(port, head).startswith(b"HTTP/1.1 413 ")
        assert is_served(port)


def test_a_body_that_grows_too_large_is_cut_off() -> None:
    with serving(MeanColour(), limits=RequestLimits(body_bytes=1000)) as port:
        head = HEAD.replace(b"Content-Length: ", b"Transfer-Encoding: chunked\r\nX: ")
        found = answer_to(port, head, b"3e9\r\n" + CROP[:100] + b"x" * 901 + b"\r\n")
        assert found.startswith(b"HTTP/1.1 413 ")
        assert is_served(port)


def test_slow_clients_are_sent_away() -> None:
    with serving(MeanColour(), limits=RequestLimits(time_s=0.7)) as port:
        with ThreadPoolExecutor(4) as pool:
            silent = pool.submit(answer_to, port)
            half_a_head = pool.submit(answer_to, port, HEAD[:30])
            half_a_body = pool.submit(answer_to, port, HEAD, CROP[:50])
            no_second = pool.submit(answer_to, port, HEAD, CROP)
            assert is_served(port)
            assert silent.result(PATIENCE_S) == half_a_head.result(PATIENCE_S) == b""
            assert half_a_body.result(PATIENCE_S).startswith(b"HTTP/1.1 408 ")
            assert no_second.result(PATIENCE_S).startswith(b"HTTP/1.1 200 ")
        assert is_served(port)


def test_an_encoder_that_hangs_is_waited_for_a_while_only() -> None:
    encoder = MeanColour()
    encoder.go_on.clear()
    with serving(encoder, limits=RequestLimits(time_s=0.5)) as port:
        status, headers, body = post(port, "/v1/crops", CROP)
        assert (status, headers["retry-after"]) == (503, "1")
        assert body == b'{"detail":"no answer in time"}'


def test_more_requests_than_may_be_served_at_once_are_sent_away() -> None:
    encoder = MeanColour()
    encoder.go_on.clear()
    with serving(encoder, limits=RequestLimits(requests=1)) as port:
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(post, port, "/v1/crops", CROP)
            assert encoder.busy.wait(PATIENCE_S)
            status, headers, _ = post(port, "/v1/crops", CROP)
            assert (status, headers["retry-after"]) == (503, "1")
            encoder.go_on.set()
            assert first.result(PATIENCE_S)[0] == 200
        assert is_served(port)
