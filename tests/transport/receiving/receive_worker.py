"""Receives messages, acknowledges some, and waits to be killed; run by the contract's tests.

Usage: python -m tests.transport.receiving.receive_worker ADDRESS CREDENTIALS DURABLE
    ACKNOWLEDGED RECEIVED
"""

from __future__ import annotations

import signal
import sys
import time

from reid_tracker.config import TransportConfig
from reid_tracker.transport.brokers.open import open_broker
from reid_tracker.transport.receiving.receiver import Receiver
from reid_tracker.transport.wire.subjects import pattern_of


def main(address: str, credentials: str, durable: str, acknowledged: int, received: int) -> None:
    broker = open_broker(TransportConfig(address=address, credentials=credentials, ack_wait_s=2.0))
    receiver = Receiver(broker.subscribe(pattern_of("tracklet"), durable))
    for number in range(received):
        got = receiver.receive(20)
        assert got is not None
        if number < acknowledged:
            got.ack()
    time.sleep(0.3)  # acknowledgements are on their way, and no broker says when they have come
    sys.stdout.write("received\n")
    sys.stdout.flush()
    signal.pause()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
