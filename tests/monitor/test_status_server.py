from __future__ import annotations

import json
import socket
import threading
import urllib.error
import urllib.request
from http.client import HTTPResponse

import pytest

from reid_tracker.errors import ConfigError, ReidTrackerError
from reid_tracker.monitor import Health, Metrics, StatusServer, status_server

HERE = "127.0.0.1:0"
WORD = "open sesame"


def get(server: StatusServer, path: str, token: str | None = None) -> tuple[int, bytes]:
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}{path}")
    if token is not None:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        answer: HTTPResponse
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_health_follows_the_host() -> None:
    state = [Health(True, {"cameras": {"door": "live"}})]
    with StatusServer(HERE, lambda: state[0]) as server:
        status, content = get(server, "/health")
        assert (status, json.loads(content)) == (
            200,
            {"healthy": True, "cameras": {"door": "live"}},
        )
        state[0] = Health(False, {"cameras": {"door": "gone"}})
        status, content = get(server, "/health")
        assert (status, json.loads(content)["healthy"]) == (503, False)


def test_metrics_are_served_where_there_are_some() -> None:
    with StatusServer(HERE, lambda: Health(True), Metrics()) as server:
        status, content = get(server, "/metrics")
        assert status == 200
        assert b"# TYPE reid_frames_total counter" in content
    with StatusServer(HERE, lambda: Health(True)) as server:
        assert get(server, "/metrics")[0] == 404


@pytest.mark.parametrize("path", ["/", "/../etc/passwd", "/health/..", "/metrics?x"])
def test_other_paths_are_not_found(path: str) -> None:
    with StatusServer(HERE, lambda: Health(True), Metrics()) as server:
        assert get(server, path)[0] == 404


def test_a_token_is_asked_for() -> None:
    with StatusServer(HERE, lambda: Health(True), Metrics(), token=WORD) as server:
        assert get(server, "/health")[0] == 401
        assert get(server, "/metrics", "wrong")[0] == 401
    with StatusServer(HERE, lambda: Health(True), token=WORD) as server:
        assert get(server, "/health", WORD)[0] == 200


@pytest.mark.parametrize("address", ["0.0.0.0:9100", "192.168.1.5:9100", "[::]:9100", "door:9100"])
def test_other_machines_need_a_token(address: str) -> None:
    with pytest.raises(ConfigError, match=r"set a token for it, or use 127.0.0.1:9100"):
        StatusServer(address, lambda: Health(True))


@pytest.mark.parametrize("address", ["9100", ":9100", "host", "host:", "host:x", "host:70000"])
def test_wrong_addresses(address: str) -> None:
    with pytest.raises(ConfigError, match="expected HOST:PORT"):
        StatusServer(address, lambda: Health(True))


def test_a_port_in_use_is_one_line() -> None:
    with StatusServer(HERE, lambda: Health(True)) as first:
        with pytest.raises(ReidTrackerError, match="in use") as caught:
            StatusServer(f"127.0.0.1:{first.port}", lambda: Health(True))
        assert "\n" not in str(caught.value)


def test_a_client_that_says_nothing_holds_nobody_up() -> None:
    server = StatusServer(HERE, lambda: Health(True))
    with socket.create_connection(("127.0.0.1", server.port)) as silent:
        silent.send(b"GET /hea")
        assert get(server, "/health")[0] == 200
        server.close()


@pytest.mark.slow
def test_slow_clients_take_neither_threads_nor_descriptors() -> None:
    """1,100 connections that never finish their request; a probe is still answered."""
    with StatusServer(HERE, lambda: Health(True)) as server:
        slow = []
        for _ in range(1100):
            one = socket.create_connection(("127.0.0.1", server.port), 10)
            one.sendall(b"GET /health HTTP/1.0\r\nX: ")
            slow.append(one)
            if len(slow) % 100 == 0:
                assert get(server, "/health")[0] == 200
                names = [thread.name for thread in threading.enumerate()]
                assert len(names) < 200
        assert len(server._server._open) <= 32
        for one in slow:
            one.close()


def test_a_request_has_one_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that sends a byte now and then does not stay for ever."""
    monkeypatch.setattr(status_server, "_REQUEST_TIMEOUT_S", 0.5)
    with StatusServer(HERE, lambda: Health(True)) as server:
        with socket.create_connection(("127.0.0.1", server.port), 10) as slow:
            slow.settimeout(0.1)
            ended = False
            for _ in range(300):
                try:
                    slow.sendall(b"X")
                    ended = slow.recv(100) == b""
                except TimeoutError:
                    continue
                except OSError:
                    ended = True
                if ended:
                    break
            assert ended
        assert get(server, "/health")[0] == 200


def test_ipv6() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    with StatusServer("[::1]:0", lambda: Health(True)) as server:
        url = f"http://[::1]:{server.port}/health"
        assert urllib.request.urlopen(url, timeout=10).status == 200
