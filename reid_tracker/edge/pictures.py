"""Small pictures of people for the centre's gallery, if a host is told to send them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reid_tracker.sink import open_best_crops, open_head_blur
from reid_tracker.transport.wire.messages import MOST_PICTURE_BYTES
from reid_tracker.types import FrameResult

if TYPE_CHECKING:
    from reid_tracker.sink.video.heads import HeadBlur

_QUALITY, _LONGEST_SIDE = 75, 160
"""A picture then takes 2 to 4 kB, as much as one or two messages without a picture."""


class SmallPictures:
    """Keeps the best picture of each tracklet; to be used from one thread.

    Args:
        blur_heads: make heads unrecognisable.
    """

    def __init__(self, *, blur_heads: bool = False) -> None:
        self._best = open_best_crops(
            quality=_QUALITY, most_pixels=_LONGEST_SIDE, most_bytes=MOST_PICTURE_BYTES
        )
        self._blur_heads = blur_heads
        self._blurs: dict[str, HeadBlur] = {}

    def write(self, result: FrameResult) -> None:
        """Take a frame whose tracks are numbered as in messages."""
        if self._blur_heads:
            if result.camera not in self._blurs:
                self._blurs[result.camera] = open_head_blur()
            result = self._blurs[result.camera].hide(result)
        self._best.write(result)

    def take(self, camera: str, track: int) -> bytes | None:
        """Return a JPEG file; None if there is no better one than at the last call."""
        return self._best.take(camera, track)

    def forget(self, camera: str) -> None:
        """Drop the pictures of a removed camera."""
        self._best.forget(camera)
        self._blurs.pop(camera, None)
