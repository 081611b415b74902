"""Our tracker in a loop of roboflow's trackers: python demo/with_trackers.py VIDEO."""

import sys

import supervision as sv

from reid_tracker import build_detector, open_source
from reid_tracker.plugins.trackers import DeepSortTracker

detector = build_detector("auto")
tracker = DeepSortTracker(encoder="auto")  # instead of trackers.ByteTrackTracker()
for frame in open_source(sys.argv[1]):
    found = detector.detect(frame.image)
    detections = sv.Detections(found.boxes, confidence=found.scores, class_id=found.classes)
    detections = tracker.update(detections, frame.image, frame.timestamp_s)
    detections = detections[detections.tracker_id != -1]
    print(f"{frame.timestamp_s:7.2f} s  people {detections.tracker_id.tolist()}")
