"""Notifies systemd when a service of Type=notify is ready, alive, reloading or stopping.

The protocol is sd_notify(3): datagrams to the socket that NOTIFY_SOCKET names.
"""

from __future__ import annotations

import os
import socket
import time


def notify_systemd(state: str) -> bool:
    """Send systemd a state, such as "READY=1", "WATCHDOG=1", "STOPPING=1" or "STATUS=...".

    Returns:
        Whether the state was sent; False if systemd did not start this process or does not listen.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    if state == "RELOADING=1":
        state += f"\nMONOTONIC_USEC={time.monotonic_ns() // 1000}"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notes:
            notes.settimeout(1.0)
            notes.sendto(state.encode(), address)
    except OSError:
        return False
    return True
