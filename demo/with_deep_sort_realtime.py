"""deep-sort-realtime with our encoder: python demo/with_deep_sort_realtime.py VIDEO."""

import sys

from deep_sort_realtime.deepsort_tracker import DeepSort

from reid_tracker import build_detector, build_encoder, open_source
from reid_tracker.plugins.deep_sort_realtime import update_tracks

detector, encoder = build_detector("auto"), build_encoder("auto")
tracker = DeepSort(embedder=None, nn_budget=100)
for frame in open_source(sys.argv[1]):
    found = detector.detect(frame.image)
    tracks = update_tracks(tracker, found, frame.image, encoder)
    ids = [t.track_id for t in tracks if t.is_confirmed() and t.time_since_update == 0]
    print(f"{frame.timestamp_s:7.2f} s  people {ids}")
