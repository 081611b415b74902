"""Where results go: annotated video, MOTChallenge text, JSON lines, CSV, crops, a window.

Of several cameras together: identity events, a mosaic video, a Parquet table, crops by identity.

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
from reid_tracker.sink.open_shared import SharedSinks, open_shared_sinks
from reid_tracker.sink.text.unfinished import finish_texts

__all__ = [
    "SharedSinks",
    "Sink",
    "SinkGroup",
    "finish_texts",
    "open_best_crops",
    "open_head_blur",
    "open_identity_events",
    "open_shared_sinks",
    "open_sinks",
    "open_window",
]
