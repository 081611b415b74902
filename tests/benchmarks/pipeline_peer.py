"""Run another project's whole way from a video to a video of tracks, for `pipeline_peers`.

    python pipeline_peer.py TRACKER DETECTOR ENCODER VIDEO FOLDER

TRACKER is "ultralytics" (BoT-SORT with ReID), "ultralytics-plain" (without), "strongsort" or
"botsort" (BoxMOT). It needs numpy, OpenCV, ultralytics and, for the last two, BoxMOT. The last line
that it prints has the frames after the first ones, their seconds, and those of all cores.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

WARM_UP = 20
PERSON = 0


def ultralytics(detector: str, encoder: str | None, video: str, folder: Path) -> Iterator[None]:
    """Track with ultralytics alone, which also writes the video."""
    from ultralytics import YOLO
    from ultralytics.utils import YAML
    from ultralytics.utils.checks import check_yaml

    settings = YAML.load(check_yaml("botsort.yaml"))
    if encoder is not None:
        settings |= {"with_reid": True, "model": encoder}
    YAML.save(folder / "botsort.yaml", settings)
    for _ in YOLO(detector, task="detect").track(
        video,
        stream=True,
        tracker=str(folder / "botsort.yaml"),
        classes=[PERSON],
        save=True,
        project=str(folder),
        verbose=False,
        device="cpu",
    ):
        yield


def boxmot(kind: str, detector: str, encoder: str, video: str, folder: Path) -> Iterator[None]:
    """Detect with ultralytics, track with BoxMOT, and draw and write with OpenCV."""
    import boxmot
    import cv2
    import numpy as np
    from boxmot.reid.backends.onnx_backend import ONNXBackend
    from ultralytics import YOLO

    ONNXBackend._ensure_onnxruntime_installed = lambda self: None  # it would change this venv
    tracker: Any = {"strongsort": boxmot.StrongSort, "botsort": boxmot.BotSort}[kind](
        reid_weights=Path(encoder), device="cpu"
    )
    model = YOLO(detector, task="detect")
    capture = cv2.VideoCapture(video)
    size = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
    codec = cv2.VideoWriter.fourcc(*"mp4v")
    rate = capture.get(cv2.CAP_PROP_FPS)
    writer = cv2.VideoWriter(str(folder / "tracks.mp4"), codec, rate, size)
    while True:
        there, image = capture.read()
        if not there:
            break
        found = model.predict(image, classes=[PERSON], verbose=False, device="cpu")[0].boxes
        tracks = tracker.update(np.asarray(found.data, np.float32).reshape(-1, 6), image)
        for left, top, right, bottom, number in np.asarray(tracks)[:, :5].astype(int).tolist():
            cv2.rectangle(image, (left, top), (right, bottom), (0, 255, 0), 2)
            cv2.putText(image, str(number), (left, top - 4), 0, 0.6, (0, 255, 0), 2)
        writer.write(image)
        yield
    writer.release()


def main() -> None:
    kind, detector, encoder, video, folder = sys.argv[1:]
    if kind.startswith("ultralytics"):
        reid = None if kind == "ultralytics-plain" else encoder
        frames = ultralytics(detector, reid, video, Path(folder))
    else:
        frames = boxmot(kind, detector, encoder, video, Path(folder))
    count = 0
    start = start_cores = 0.0
    for count, _ in enumerate(frames, 1):
        if count == WARM_UP:
            start, start_cores = time.perf_counter(), cores_s()
    seconds, cores = time.perf_counter() - start, cores_s() - start_cores
    print(json.dumps({"frames": count - WARM_UP, "seconds": seconds, "cores": cores}))


def cores_s() -> float:
    """Return the seconds that all cores spent on this process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
