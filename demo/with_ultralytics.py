"""ultralytics' BoT-SORT with our encoder: python demo/with_ultralytics.py VIDEO [YOLO.pt]."""

import sys

from ultralytics import YOLO

from reid_tracker.plugins.ultralytics import attach
from reid_tracker.resources import shipped

weights = sys.argv[2] if len(sys.argv) > 2 else shipped("weights", "person_yolo11n.pt")
model = YOLO(weights)
attach(model, "auto")
for results in model.track(sys.argv[1], tracker="botsort.yaml", stream=True, verbose=False):
    ids = [] if results.boxes.id is None else results.boxes.id.int().tolist()
    print(f"people {ids}")
