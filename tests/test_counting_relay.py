"""The relay of the byte benchmark: passes everything on, and counts it by direction."""

from __future__ import annotations

import socket
import threading

from tests.benchmarks.counting_relay import CountingRelay, Passed


def test_bytes_are_passed_on_and_counted() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        relay = CountingRelay(server.getsockname()[1], b"BEGIN")
        threading.Thread(target=_answer, args=(server,), daemon=True).start()
        with socket.create_connection(("127.0.0.1", relay.port), 10) as client:
            for part in (b"hello ", b"there BE", b"GIN", b"x" * 100_000):
                client.sendall(part)
            client.shutdown(socket.SHUT_WR)
            got = b"".join(iter(lambda: client.recv(1 << 16), b""))
        assert got == b"117011" * 10
        assert relay.passed == Passed(100_017, 60)
        assert relay.passed.both == 100_077
        assert relay.set_up is not None
        assert relay.set_up.up == len(b"hello there ")
        relay.close()


def _answer(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection:
        while connection.recv(1 << 16):
            pass
        connection.sendall(b"117011" * 10)
