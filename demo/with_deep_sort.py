"""The box encoder of DeepSORT-style programs: python demo/with_deep_sort.py VIDEO.

The tracker here is the one inside deep-sort-realtime, which has the classes of the first DeepSORT.
"""

import sys

from deep_sort_realtime.deep_sort.detection import Detection
from deep_sort_realtime.deep_sort.nn_matching import NearestNeighborDistanceMetric
from deep_sort_realtime.deep_sort.tracker import Tracker

from reid_tracker import build_detector, open_source
from reid_tracker.geometry import xyxy_to_tlwh
from reid_tracker.plugins.deep_sort import create_box_encoder

detector, encoder = build_detector("auto"), create_box_encoder("auto")
tracker = Tracker(NearestNeighborDistanceMetric("cosine", 0.2, 100))
for frame in open_source(sys.argv[1]):
    found = detector.detect(frame.image)
    tlwh = xyxy_to_tlwh(found.boxes)
    features = encoder(frame.image, tlwh)
    tracker.predict()
    tracker.update([Detection(*row) for row in zip(tlwh, found.scores, features, strict=True)])
    ids = [t.track_id for t in tracker.tracks if t.is_confirmed() and t.time_since_update == 0]
    print(f"{frame.timestamp_s:7.2f} s  people {ids}")
