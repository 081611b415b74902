"""Size of a tracklet message in several formats, and acknowledged messages per second.

Starts its own servers on this machine: times include encoding, acknowledgement and the server's
disk, but no network.

    python -m tests.benchmarks.transport_speed --messages 2000
"""

from __future__ import annotations

import argparse
import base64
import json
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from reid_tracker.config import TransportConfig
from reid_tracker.transport import (
    Broker,
    Observation,
    Outgoing,
    Prototypes,
    Receiver,
    Sender,
    Spool,
    TrackletMessage,
    decode_message,
    encode_message,
    open_broker,
    pattern_of,
    subject_of,
)
from tests.transport.samples import NOW_S
from tests.transport.servers import PASSWORD, START, USER

SITE = "hall"


def message(number: int, prototypes: int, dim: int = 512) -> TrackletMessage:
    """A tracklet's message, with vectors like those of an OSNet: non-negative, half of them 0."""
    random = np.random.default_rng(number)
    rows = np.maximum(random.standard_normal((prototypes, dim)), 0)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    left, top = random.uniform(0, 0.9, 2)
    return TrackletMessage(
        edge="edge-1",
        boot="0123456789abcdef0123456789abcdef",
        edge_seq=number,
        camera="entrance",
        track=number % 50 + 1,
        state="update",
        start_s=NOW_S,
        end_s=NOW_S + 7.123,
        clock="rtcp",
        frames=71,
        quality=0.8213,
        observations=(
            Observation(NOW_S + 7.123, (left, top, left + 0.1, top + 0.1), (left, top + 0.1)),
        ),
        prototypes=Prototypes.of("5f" * 32, rows, random.uniform(1, 30, prototypes)),
    )


def forms(one: TrackletMessage) -> dict[str, int]:
    """Return the bytes of a message in the form taken and in others."""
    data = encode_message(one)
    values: dict[str, Any] = json.loads(data)
    vectors = one.prototypes.vectors
    raw = vectors.tobytes()
    head = json.loads(data)
    del head["prototypes"]["vectors"]
    header = len(json.dumps(head, separators=(",", ":")))

    def with_vectors(written: Any) -> bytes:
        values["prototypes"]["vectors"] = written
        return json.dumps(values, separators=(",", ":")).encode()

    floats = [[round(float(value), 7) for value in row] for row in vectors]
    single = base64.b64encode(vectors.astype("<f4").tobytes()).decode()
    return {
        "JSON, numbers": len(with_vectors(floats)),
        "JSON, base64 of float32": len(with_vectors(single)),
        "JSON, base64 of float16 (taken)": len(data),
        "the same, deflated": len(zlib.compress(data)),
        "JSON head and raw float16": header + 4 + len(raw),
        "raw float16 alone": len(raw),
    }


def rate(count: int, work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return count / (time.perf_counter() - start)


def transport_rates(broker: Broker, batch: list[Outgoing]) -> tuple[float, float, float]:
    """Return messages a second: acknowledged one by one, in batches of 64, and received."""
    receiver = Receiver(broker.subscribe(pattern_of("tracklet"), "centre"))
    half = len(batch) // 2

    def one_by_one() -> None:
        for one in batch[:half]:
            broker.publish([one])

    single = rate(half, one_by_one)

    def together() -> None:
        for start in range(half, len(batch), 64):
            broker.publish(batch[start : start + 64])

    batched = rate(len(batch) - half, together)

    def receive() -> None:
        for _ in batch:
            got = receiver.receive(30)
            if got is None:
                raise SystemExit("a message did not come")
            got.ack()

    return single, batched, rate(len(batch), receive)


def sender_rate(
    open_one: Callable[[], Broker], path: Path, messages: list[TrackletMessage]
) -> float:
    """Return messages a second from `send` over the disk to the acknowledgement of the broker."""
    spool = Spool(path)

    def work() -> None:
        with Sender(SITE, open_one, spool) as sender:
            for one in messages:
                sender.send(one)
            if not sender.wait_sent(300):
                raise SystemExit("messages were not sent")

    found = rate(len(messages), work)
    spool.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--prototypes", type=int, nargs="+", default=[1, 6])
    options = parser.parse_args()
    print("| form | " + " | ".join(f"{p} prototypes" for p in options.prototypes) + " |")
    print("|---|" + "--:|" * len(options.prototypes))
    sizes = [forms(message(0, prototypes)) for prototypes in options.prototypes]
    for name in sizes[0]:
        print(f"| {name} | " + " | ".join(f"{size[name]}" for size in sizes) + " |")
    messages = [message(n, options.prototypes[0]) for n in range(options.messages)]
    data = [encode_message(one) for one in messages]
    print(f"\nencode: {rate(len(data), lambda: [encode_message(m) for m in messages]):.0f}/s")
    print(f"decode: {rate(len(data), lambda: [decode_message(d) for d in data]):.0f}/s\n")
    print("| transport | published one by one /s | in batches /s | received /s | with spool /s |")
    print("|---|--:|--:|--:|--:|")
    batch = [Outgoing(m.message_id, str(subject_of(m, SITE)), encode_message(m)) for m in messages]
    for kind in ("memory", "nats", "mqtt"):
        with tempfile.TemporaryDirectory(prefix="reid-transport-") as name:
            measure(kind, Path(name), batch, messages)


def measure(
    kind: str, folder: Path, batch: list[Outgoing], messages: list[TrackletMessage]
) -> None:
    server = None if kind == "memory" else START[kind](folder / "server")
    try:
        secret = folder / "secret"
        secret.write_text(f"{USER}:{PASSWORD}")
        address = "memory" if server is None else f"{kind}://127.0.0.1:{server.port}"
        config = TransportConfig(address, credentials=str(secret))
        broker = open_broker(config)
        rates = transport_rates(broker, batch)
        later = [
            message(n + len(messages), len(messages[0].prototypes)) for n in range(len(messages))
        ]
        own = broker if server is None else open_broker(config)
        spooled = sender_rate(lambda: own, folder / "spool", later)
        broker.close()
    finally:
        if server is not None:
            server.kill()
    print(f"| {kind} | " + " | ".join(f"{one:.0f}" for one in (*rates, spooled)) + " |")


if __name__ == "__main__":
    main()
