"""Converts decoded pictures to the project's image format: colours, rotation and memory layout."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from reid_tracker.types import ImageBGR

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from av.video.reformatter import VideoReformatter

_BT709 = 1  # libav's AVCOL_SPC_BT709
_own = threading.local()


def to_upright_bgr(picture: VideoFrame, turned: int = 0) -> ImageBGR:
    """Convert a decoded picture to contiguous (H, W, 3) uint8 BGR, turned upright.

    `turned`, clockwise degrees and a multiple of 90, is added to the picture's own rotation.
    """
    import cv2
    import numpy as np

    # PyAV before 17 assumes BT.601, which shifts the colours of HD video. It accepts another source
    # colour space only if that differs from the target's.
    spaces: dict[str, Any] = {}
    if picture.colorspace == _BT709:
        spaces = {"src_colorspace": "ITU709", "dst_colorspace": "DEFAULT"}
    pixels = _converter().reformat(picture, format="bgr24", **spaces).to_ndarray()
    image: ImageBGR = np.ascontiguousarray(pixels, dtype=np.uint8)
    quarter_turns = round((picture.rotation - turned) / 90) % 4
    if quarter_turns == 0:
        return image
    turns = (cv2.ROTATE_90_COUNTERCLOCKWISE, cv2.ROTATE_180, cv2.ROTATE_90_CLOCKWISE)
    return np.asarray(cv2.rotate(image, turns[quarter_turns - 1]), dtype=np.uint8)


def _converter() -> VideoReformatter:
    """Return the converter of this thread.

    Otherwise each picture would create its own converter, with threads that live as long as it
    does.
    """
    from av.video.reformatter import VideoReformatter

    if not hasattr(_own, "converter"):
        _own.converter = VideoReformatter()
    converter: VideoReformatter = _own.converter
    return converter
