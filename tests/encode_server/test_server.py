"""The port that is opened, and connections that are kept and closed."""

from __future__ import annotations

import http.client
import json
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from reid_tracker.encode_server.server import listen
from reid_tracker.errors import ConfigError, ReidTrackerError
from tests.encode_server.samples import FORM, MeanColour, form, picture, post, serving
from tests.waiting import PATIENCE_S


@pytest.mark.parametrize("address", ["0.0.0.0:9110", "[::]:9110", "192.0.2.1:9110", "here:9110"])
def test_other_machines_need_a_token(address: str) -> None:
    with pytest.raises(ConfigError, match=r"add --token-file FILE, or use 127.0.0.1:9110"):
        listen(address, None)


def test_with_a_token_every_address_may_be_used() -> None:
    with listen("0.0.0.0:0", "token") as port:
        assert port.getsockname()[0] == "0.0.0.0"  # noqa: S104


def test_a_port_that_is_taken_or_no_address_at_all() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ReidTrackerError, match=f"--listen {address}: cannot listen there: "):
            listen(address, None)
    with pytest.raises(ConfigError, match="expected HOST:PORT"):
        listen("9110", None)


@pytest.mark.slow
def test_what_was_taken_is_answered_before_the_server_ends() -> None:
    encoder = MeanColour()
    encoder.go_on.clear()
    body = form(("crops", picture(0, 255, 0)))
    with ThreadPoolExecutor(1) as pool:
        with serving(encoder) as port:
            taken = pool.submit(post, port, "/v1/crops", body)
            assert encoder.busy.wait(PATIENCE_S)
        assert taken.result(PATIENCE_S)[0] == 200


@pytest.mark.slow
def test_one_connection_serves_many_requests() -> None:
    body = form(("crops", picture(0, 255, 0)))
    with serving(MeanColour()) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
        sockets = set()
        for _ in range(3):
            connection.request("POST", "/v1/crops", body, FORM)
            sockets.add(id(connection.sock))
            answer = connection.getresponse()
            assert json.loads(answer.read())["embeddings"] == [[0, 1, 0]]
        assert len(sockets) == 1
        assert connection.sock is not None
        connection.close()
