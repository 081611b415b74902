"""How much the server takes: of one request, and of all requests together."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RequestLimits:
    """What the server refuses more of.

    Attributes:
        body_bytes: of one request, 413.
        crops: crops, or boxes of a frame, in one request, 413.
        pixels: of all pictures in one request, as their headers state them, 413.
        time_s: until a request has arrived (408), until it is answered after that (503), and until
            the client has sent the head of its next request or has taken an answer (disconnected).
        requests: that are read and answered at the same time, 503.
        waiting_crops: of all requests that are decoded or wait for the encoder, 503.
        waiting_pixels: likewise, which limits memory to 3 bytes a pixel, 503.
    """

    body_bytes: int = 16 * 2**20
    crops: int = 256
    pixels: int = 2**25
    time_s: float = 30.0
    requests: int = 32
    waiting_crops: int = 1024
    waiting_pixels: int = 2**27
