"""norfair with our embeddings: python demo/with_norfair.py VIDEO."""

import sys

from norfair import Tracker

from reid_tracker import build_detector, build_encoder, open_source
from reid_tracker.plugins.norfair import reid_distance, to_norfair

detector, encoder = build_detector("auto"), build_encoder("auto")
tracker = Tracker(
    "iou",
    distance_threshold=0.7,
    reid_distance_function=reid_distance,
    reid_distance_threshold=0.3,
    reid_hit_counter_max=60,
)
for frame in open_source(sys.argv[1]):
    found = detector.detect(frame.image)
    embeddings = encoder.encode(frame.image, found.boxes)
    objects = tracker.update(to_norfair(found, embeddings))
    print(f"{frame.timestamp_s:7.2f} s  people {[one.id for one in objects]}")
