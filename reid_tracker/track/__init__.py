"""Boxes and embeddings to tracks within one camera."""

from reid_tracker.track.base import EncodeRows, Tracker
from reid_tracker.track.build import build_tracker
from reid_tracker.track.deepsort import DeepSort

__all__ = ["DeepSort", "EncodeRows", "Tracker", "build_tracker"]
