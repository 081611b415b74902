"""reid_tracker: follow people through video with YOLO, OSNet and DeepSORT.

The names below are the public interface. Each is imported on first use, so `import reid_tracker`
does not load torch, cv2, ultralytics or onnxruntime.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

if TYPE_CHECKING:
    from reid_tracker.config import Config, DeepSortConfig, MatchConfig, load_config
    from reid_tracker.detect import Detector, build_detector
    from reid_tracker.encode import Encoder, build_encoder
    from reid_tracker.errors import ReidTrackerError
    from reid_tracker.match import CrossCameraMatcher, Matcher, build_matcher, track_embeddings
    from reid_tracker.match.gallery.open import open_gallery
    from reid_tracker.match.gallery.store import GalleryStore
    from reid_tracker.pipeline import Pipeline
    from reid_tracker.track import Tracker, build_tracker
    from reid_tracker.types import (
        Detections,
        Frame,
        FrameResult,
        Identities,
        IdentityEvent,
        Tracks,
        VideoInfo,
    )
    from reid_tracker.video import Source, open_source

_NAMES = {
    "config": ["Config", "DeepSortConfig", "MatchConfig", "load_config"],
    "detect": ["Detector", "build_detector"],
    "encode": ["Encoder", "build_encoder"],
    "errors": ["ReidTrackerError"],
    "match": ["CrossCameraMatcher", "Matcher", "build_matcher", "track_embeddings"],
    "match.gallery.open": ["open_gallery"],
    "match.gallery.store": ["GalleryStore"],
    "pipeline": ["Pipeline"],
    "track": ["Tracker", "build_tracker"],
    "types": [
        "Detections",
        "Frame",
        "FrameResult",
        "Identities",
        "IdentityEvent",
        "Tracks",
        "VideoInfo",
    ],
    "video": ["Source", "open_source"],
}
_HOME = {name: module for module, names in _NAMES.items() for name in names}

__all__ = [
    "Config",
    "CrossCameraMatcher",
    "DeepSortConfig",
    "Detections",
    "Detector",
    "Encoder",
    "Frame",
    "FrameResult",
    "GalleryStore",
    "Identities",
    "IdentityEvent",
    "MatchConfig",
    "Matcher",
    "Pipeline",
    "ReidTrackerError",
    "Source",
    "Tracker",
    "Tracks",
    "VideoInfo",
    "build_detector",
    "build_encoder",
    "build_matcher",
    "build_tracker",
    "load_config",
    "open_gallery",
    "open_source",
    "track_embeddings",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'reid_tracker' has no attribute '{name}'")
    value = getattr(import_module(f"reid_tracker.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
