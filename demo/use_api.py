"""Track people in a video and print their ids: the Python interface in one loop.

After `pip install .`: python demo/use_api.py VIDEO [DETECTOR ENCODER]
e.g. python demo/use_api.py demo/pedestrians.mp4
     python demo/use_api.py demo/pedestrians.mp4 yolo11n.pt osnet_x0_25_msmt17.onnx
"""

import sys

from reid_tracker import ReidTrackerError, build_detector, build_encoder, build_tracker, open_source


def main(video: str, detector_name: str = "auto", encoder_name: str = "auto") -> None:
    """Track people in `video` and print one line per frame."""
    detector = build_detector(detector_name)
    encoder = build_encoder(encoder_name)
    tracker = build_tracker()
    for frame in open_source(video):
        detections = detector.detect(frame.image, frame.index)
        embeddings = encoder.encode(frame.image, detections.boxes)
        tracks = tracker.update(detections, embeddings, frame.timestamp_s)
        print(f"{frame.timestamp_s:7.2f} s  people {tracks.ids.tolist()}")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 4):
        sys.exit("usage: python demo/use_api.py VIDEO [DETECTOR ENCODER]")
    try:
        main(*sys.argv[1:])
    except ReidTrackerError as error:
        sys.exit(f"error: {error}")
