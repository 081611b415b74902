"""A TCP relay in front of a server that counts what passes in each direction."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import NamedTuple

_CHUNK = 1 << 16


class Passed(NamedTuple):
    """Bytes that passed; those of TCP and IP around them do not count.

    Attributes:
        up: from clients to the server.
        down: from the server to clients.
    """

    up: int
    down: int

    def __sub__(self, other: Passed) -> Passed:
        return Passed(self.up - other.up, self.down - other.down)

    @property
    def both(self) -> int:
        """Sum of the directions."""
        return self.up + self.down


class CountingRelay:
    """Relays connections to a server on this machine, from a thread of its own.

    Args:
        port: of the server.
        mark: what a client sends first when all is set up.

    Attributes:
        port: where it listens.
        passed: so far.
        set_up: what had passed before the first `mark`; None until it came.
    """

    def __init__(self, port: int, mark: bytes) -> None:
        self._server_port, self._mark = port, mark
        self._last = b""
        self.passed = Passed(0, 0)
        self.set_up: Passed | None = None
        self.port = 0
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._ready.wait()

    def close(self) -> None:
        """Cut all connections."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        listening = self._loop.run_until_complete(asyncio.start_server(self._relay, "127.0.0.1", 0))
        self.port = int(listening.sockets[0].getsockname()[1])
        self._ready.set()
        self._loop.run_forever()
        listening.close()
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        if left:
            self._loop.run_until_complete(asyncio.wait(left, timeout=1))
        self._loop.close()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_server = await asyncio.open_connection("127.0.0.1", self._server_port)
        with contextlib.suppress(ConnectionError):
            await asyncio.gather(
                self._copy(reader, to_server[1], up=True),
                self._copy(to_server[0], writer, up=False),
            )
        for one in (writer, to_server[1]):
            one.close()

    async def _copy(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, up: bool
    ) -> None:
        while data := await source.read(_CHUNK):
            if up and self.set_up is None:
                joined = self._last + data
                if (at := joined.find(self._mark)) >= 0:
                    self.set_up = Passed(self.passed.up + at - len(self._last), self.passed.down)
                self._last = joined[-len(self._mark) :]
            size = len(data)
            self.passed = Passed(self.passed.up + size * up, self.passed.down + size * (not up))
            target.write(data)
            await target.drain()
        target.write_eof()
