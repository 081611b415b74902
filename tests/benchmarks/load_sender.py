"""Publishes prepared messages at their times; runs as a separate process.

    python -m tests.benchmarks.load_sender FOLDER ADDRESS

`write_world` makes the folder. As with real hosts, many publishes are in flight at once, and the
server acknowledges each. The process prints "ready" and waits for a line with the start time. When
all messages are acknowledged, it writes their sending times (UTC seconds since 1970) to "sent.npy".
"""

from __future__ import annotations

import argparse
import asyncio
import json
import mmap
import sys
import time
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.load_world import Told

_TICK_S = 0.005
_IN_FLIGHT = 2000


def write_world(folder: Path, messages: Iterable[Told]) -> int:
    """Write messages, in the order of their times; returns how many there are."""
    folder.mkdir(parents=True, exist_ok=True)
    due_s, ends, firsts = [], [], []
    with (folder / "data").open("wb") as data, (folder / "heads").open("w") as heads:
        for number, one in enumerate(messages):
            data.write(one.data)
            ends.append(data.tell())
            due_s.append(one.due_s)
            heads.write(f"{one.subject}\t{one.message_id}\n")
            if one.key is not None:
                firsts.append((number, *one.key))
    np.save(folder / "due.npy", np.array(due_s))
    np.save(folder / "ends.npy", np.array(ends, np.int64))
    (folder / "firsts.json").write_text(json.dumps(firsts))
    return len(due_s)


async def send(folder: Path, address: str) -> None:
    """Publish all messages of a folder; speaks with the starter over the standard streams."""
    import nats

    due_s = np.load(folder / "due.npy").tolist()
    ends = np.load(folder / "ends.npy").tolist()
    heads = [line.split("\t") for line in (folder / "heads").read_text().splitlines()]
    sent_s = np.full(len(due_s), np.nan)
    answers: deque[asyncio.Future[Any]] = deque()
    client = await nats.connect(address)
    stream = client.jetstream(publish_async_max_pending=_IN_FLIGHT)
    with (folder / "data").open("rb") as file:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        print("ready", flush=True)
        start_s = float(await asyncio.to_thread(sys.stdin.readline))
        number, begin = 0, 0
        while number < len(due_s):
            now_s = time.time()
            while number < len(due_s) and start_s + due_s[number] <= now_s:
                subject, name = heads[number]
                answers.append(
                    await stream.publish_async(
                        subject, data[begin : ends[number]], headers={"Nats-Msg-Id": name}
                    )
                )
                sent_s[number] = time.time()
                begin = ends[number]
                number += 1
            while answers and answers[0].done():
                answers.popleft().result()  # a refusal ends the run
            await asyncio.sleep(_TICK_S)
        await asyncio.gather(*answers)
    await client.close()
    np.save(folder / "sent.npy", sent_s)


def main() -> None:
    """Send, and stop."""
    parser = argparse.ArgumentParser(description="Publish messages that were made before.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("address")
    arguments = parser.parse_args()
    asyncio.run(send(arguments.folder, arguments.address))


if __name__ == "__main__":
    main()
