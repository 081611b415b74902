"""Boxes and embeddings to tracks within one camera."""

from reid_tracker.track.base import Asked, AskingTracker, EncodeRows, Tracker
from reid_tracker.track.build import build_tracker
from reid_tracker.track.deepsort import DeepSort

__all__ = ["Asked", "AskingTracker", "DeepSort", "EncodeRows", "Tracker", "build_tracker"]
