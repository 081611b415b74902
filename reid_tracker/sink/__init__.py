"""Where results go: annotated video, MOTChallenge text, JSON lines, CSV, crops, a window.

Importing this package loads neither cv2, av nor supervision; opening the sinks that need them does.
"""

from reid_tracker.sink.base import Sink, SinkGroup
from reid_tracker.sink.open import (
    open_best_crops,
    open_head_blur,
    open_identity_events,
    open_sinks,
    open_window,
)

__all__ = [
    "Sink",
    "SinkGroup",
    "open_best_crops",
    "open_head_blur",
    "open_identity_events",
    "open_sinks",
    "open_window",
]
