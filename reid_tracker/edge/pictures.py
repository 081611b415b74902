"""Small pictures of people for the centre's gallery, where a camera host was told to send them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reid_tracker.sink import open_best_crops, open_head_blur
from reid_tracker.transport.wire.messages import MOST_PICTURE_BYTES
from reid_tracker.types import FrameResult

if TYPE_CHECKING:
    from reid_tracker.sink.video.heads import HeadBlur

_QUALITY, _LONGEST_SIDE = 75, 160
"""A person then takes 2 to 4 kB, as much as a message or two without a picture."""


class SmallPictures:
    """The best picture of each tracklet so far; to be used from one thread.

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
        """Look at a frame, whose tracks are numbered as messages number them."""
        if self._blur_heads:
            if result.camera not in self._blurs:
                self._blurs[result.camera] = open_head_blur()
            result = self._blurs[result.camera].hide(result)
        self._best.write(result)

    def take(self, camera: str, track: int) -> bytes | None:
        """Return a JPEG file; None where none is better than the one taken before."""
        return self._best.take(camera, track)

    def forget(self, camera: str) -> None:
        """Drop all of a camera, which was removed."""
        self._best.forget(camera)
        self._blurs.pop(camera, None)
