"""Boxes and embeddings to tracks within one camera."""

from reid_tracker.track.base import Tracker
from reid_tracker.track.build import build_tracker
from reid_tracker.track.deepsort import DeepSort

__all__ = ["DeepSort", "Tracker", "build_tracker"]
