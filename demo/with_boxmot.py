"""BoxMOT's BoT-SORT with our encoder: python demo/with_boxmot.py VIDEO."""

import sys

import numpy as np
from boxmot import BotSort

from reid_tracker import build_detector, open_source
from reid_tracker.plugins.boxmot import ReidModel

detector = build_detector("auto")
tracker = BotSort(reid_model=ReidModel("auto"), use_cmc=False)
for frame in open_source(sys.argv[1]):
    found = detector.detect(frame.image)
    rows = np.column_stack([found.boxes, found.scores, found.classes])
    tracks = tracker.update(rows, frame.image)  # x1, y1, x2, y2, id, confidence, class, row
    print(f"{frame.timestamp_s:7.2f} s  people {tracks[:, 4].astype(int).tolist()}")
