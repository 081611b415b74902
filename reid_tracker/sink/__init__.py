"""Outputs: annotated video, MOTChallenge text, JSON lines, CSV, crops, a live window.

Runs over several cameras also write identity events, a mosaic video, a Parquet table and crops by
identity. `formats.py` lists all of them.

Importing this package loads neither cv2, av nor supervision; sinks load them when they open.
"""

from reid_tracker.sink.base import SharedSink, Sink, SinkGroup
from reid_tracker.sink.counts.places import CountingPlaces
from reid_tracker.sink.formats import FORMATS, OutputFormat, OutputRun, Paint, output_paths
from reid_tracker.sink.open import (
    counting_places,
    open_best_crops,
    open_counts,
    open_head_blur,
    open_identity_events,
    open_shared_sinks,
    open_sinks,
    open_window,
)
from reid_tracker.sink.text.unfinished import finish_texts

__all__ = [
    "FORMATS",
    "CountingPlaces",
    "OutputFormat",
    "OutputRun",
    "Paint",
    "SharedSink",
    "Sink",
    "SinkGroup",
    "counting_places",
    "finish_texts",
    "open_best_crops",
    "open_counts",
    "open_head_blur",
    "open_identity_events",
    "open_shared_sinks",
    "open_sinks",
    "open_window",
    "output_paths",
]
