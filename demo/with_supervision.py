"""Our tracks drawn by supervision: python demo/with_supervision.py VIDEO OUT.mp4."""

import sys

import supervision as sv

from reid_tracker import build_detector, build_encoder, build_tracker, open_source
from reid_tracker.plugins.supervision import to_supervision

detector, encoder, tracker = build_detector("auto"), build_encoder("auto"), build_tracker()
box, trace, label = sv.BoxAnnotator(), sv.TraceAnnotator(), sv.LabelAnnotator()
with sv.VideoSink(sys.argv[2], sv.VideoInfo.from_video_path(sys.argv[1])) as sink:
    for frame in open_source(sys.argv[1]):
        found = detector.detect(frame.image)
        embeddings = encoder.encode(frame.image, found.boxes)
        tracks = tracker.update(found, embeddings, frame.timestamp_s, frame.image)
        people = to_supervision(tracks)
        picture = trace.annotate(box.annotate(frame.image.copy(), people), people)
        sink.write_frame(label.annotate(picture, people, [f"#{n}" for n in people.tracker_id]))
        print(f"{frame.timestamp_s:7.2f} s  people {people.tracker_id.tolist()}")
