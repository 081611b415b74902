"""Detectors: models that ultralytics runs, and the replay of a detection file.

ultralytics is imported by `build_detector`, not here.
"""

from reid_tracker.detect.base import Detector
from reid_tracker.detect.build import build_detector
from reid_tracker.detect.thresholds import detector_thresholds

__all__ = ["Detector", "build_detector", "detector_thresholds"]
