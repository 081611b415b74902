"""Sends messages until it is killed, and prints which are stored; run by test_sender.

Usage: python -m tests.transport.sending.send_worker ADDRESS CREDENTIALS SPOOL TURN
"""

from __future__ import annotations

import sys
import time
from itertools import count

from reid_tracker.config import TransportConfig
from reid_tracker.transport.brokers.open import open_broker
from reid_tracker.transport.sending.sender import Sender
from reid_tracker.transport.sending.spool import Spool
from tests.transport.samples import tracklet


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(address: str, credentials: str, spool: str, turn: str) -> None:
    config = TransportConfig(address=address, credentials=credentials, timeout_s=2.0)
    sender = Sender("hall", lambda: open_broker(config), Spool(spool), first_wait_s=0.05)
    say("open")
    for number in count():
        sender.send(tracklet(number, boot=turn))
        if number % 5 == 4:
            sender.wait_stored(60)
            # Only now, and at once: what is read on the other side was acknowledged.
            say(str(number))
            time.sleep(0.01)  # Mosquitto rewrites its whole queue with each message


if __name__ == "__main__":
    main(*sys.argv[1:])
