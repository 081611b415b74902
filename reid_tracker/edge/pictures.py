"""Small pictures of people for the centre's gallery (`edge.send_pictures`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reid_tracker.sink import open_best_crops, open_head_blur
from reid_tracker.transport.wire.messages import MAX_PICTURE_BYTES
from reid_tracker.types import FrameResult

if TYPE_CHECKING:
    from reid_tracker.sink.video.heads import HeadBlur

_QUALITY, _LONGEST_SIDE = 75, 160
"""With these, a picture takes 2 to 4 kB, as much as one or two messages without a picture."""


class SmallPictures:
    """Keeps the best picture of each tracklet; use it from one thread.

    Args:
        blur_heads: whether to blur heads.
    """

    def __init__(self, *, blur_heads: bool = False) -> None:
        self._best = open_best_crops(
            quality=_QUALITY, most_pixels=_LONGEST_SIDE, most_bytes=MAX_PICTURE_BYTES
        )
        self._blur_heads = blur_heads
        self._blurs: dict[str, HeadBlur] = {}

    def write(self, result: FrameResult) -> None:
        """Process a frame whose tracks are numbered as in the messages."""
        if self._blur_heads:
            if result.camera not in self._blurs:
                self._blurs[result.camera] = open_head_blur()
            result = self._blurs[result.camera].hide(result)
        self._best.write(result)

    def take(self, camera: str, track: int) -> bytes | None:
        """Return a JPEG file; None if there is no better one since the last call."""
        return self._best.take(camera, track)

    def forget(self, camera: str) -> None:
        """Drop the pictures of a removed camera."""
        self._best.forget(camera)
        self._blurs.pop(camera, None)
