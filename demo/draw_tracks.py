"""Our tracks drawn by supervision and ultralytics: python demo/draw_tracks.py VIDEO [FRAME]."""

import sys

import cv2
import supervision as sv

from reid_tracker import build_detector, build_encoder, build_tracker, open_source
from reid_tracker.plugins.supervision import to_supervision
from reid_tracker.plugins.ultralytics import to_results

last = int(sys.argv[2]) if len(sys.argv) > 2 else 60
detector, encoder, tracker = build_detector("auto"), build_encoder("auto"), build_tracker()
by_id = {"color_lookup": sv.ColorLookup.TRACK}
trace = sv.TraceAnnotator(**by_id)
for frame in open_source(sys.argv[1]):
    found = detector.detect(frame.image)
    embeddings = encoder.encode(frame.image, found.boxes)
    tracks = tracker.update(found, embeddings, frame.timestamp_s, frame.image)
    people = to_supervision(tracks)
    picture = trace.annotate(frame.image.copy(), people)  # it remembers where people were
    if frame.index == last:
        break

picture = sv.EllipseAnnotator(**by_id).annotate(picture, people)
picture = sv.LabelAnnotator(**by_id, text_scale=0.4, text_padding=4).annotate(
    picture, people, [f"#{n}" for n in people.tracker_id]
)
cv2.imwrite("supervision.jpg", picture)
cv2.imwrite(
    "ultralytics.jpg",
    to_results(tracks, frame.image).plot(conf=False, line_width=1, color_mode="instance"),
)
print(f"drew {len(tracks)} people: supervision.jpg, ultralytics.jpg")
