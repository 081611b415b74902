"""The limits fit together."""

from __future__ import annotations

from reid_tracker.encode_server.limits import RequestLimits
from reid_tracker.picture_size import MOST_PIXELS


def test_an_idle_server_takes_the_largest_request() -> None:
    limits = RequestLimits()
    assert limits.waiting_crops >= limits.crops
    assert limits.waiting_pixels >= limits.pixels
    assert limits.pixels <= MOST_PIXELS


def test_a_frame_of_8k_fits() -> None:
    assert RequestLimits().pixels >= 7680 * 4320
