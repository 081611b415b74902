"""Sources of frames: video files, image folders, cameras and network streams.

    for frame in open_source("walk.mp4"):
        ...

Importing this package loads neither cv2 nor av; opening a source does.
"""

from reid_tracker.video.camera_list import CameraEntry
from reid_tracker.video.naming import redact
from reid_tracker.video.open import open_entries, open_source, open_sources, read_entries
from reid_tracker.video.source import LiveSource, Source
from reid_tracker.video.together import SourceGroup

__all__ = [
    "CameraEntry",
    "LiveSource",
    "Source",
    "SourceGroup",
    "open_entries",
    "open_source",
    "open_sources",
    "read_entries",
    "redact",
]
