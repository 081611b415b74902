"""Time tracker updates with given detections and embeddings, and camera-motion compensation.

    python -m tests.benchmarks.tracker_speed [--objects 10 30 100 300 1000] [--frames 100]

Other trackers are optional and skipped if they are not installed. They conflict with packages of
this project (boxmot installs another `lap`), so use a separate virtual environment:

    pip install . boxmot==25.0.0 deep-sort-realtime==1.3.2 trackers==2.6.1 'setuptools<81'

The scene is synthetic: people walk over 1920 x 1080 pixels at 30 frames per second, 5 % are missed
in each frame and 10 % are seen with low confidence. Every tracker sees the same frames; those with
an appearance memory keep 100 embeddings of 512 numbers per track (`fast`: 20), and are timed when
it is full. Times are CPU times of the process, and all trackers take turns with each frame, so that
a busy moment of the machine slows all of them down alike. Camera motion is timed apart, on a camera
that stands still (with noise) and on one that pans.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
import numpy.typing as npt

from reid_tracker.arrays import FloatArray
from reid_tracker.geometry import xyxy_to_tlwh
from reid_tracker.track import build_tracker
from reid_tracker.track.camera_motion import CameraMotion
from reid_tracker.types import Detections, Embeddings

WIDTH, HEIGHT, RATE = 1920, 1080, 30.0
BUDGET = 100
WARM_UP = BUDGET + 30

Update = Callable[[int, Detections, Embeddings], object]


@dataclass
class Scene:
    """People who walk, bounce off the border, and keep their appearance."""

    objects: int
    seed: int = 0

    def frames(self, count: int) -> Iterator[tuple[Detections, Embeddings]]:
        """Yield detections and (N, 512) unit embeddings of `count` frames."""
        random = np.random.default_rng(self.seed)
        size = np.array([WIDTH, HEIGHT], np.float64)
        centre = random.uniform(0.05, 0.95, (self.objects, 2)) * size
        speed = random.normal(0, 2.0, (self.objects, 2))
        height = random.uniform(80, 200, self.objects)
        half = np.column_stack([0.4 * height, height]) / 2
        person = _unit(np.maximum(random.normal(0, 1, (self.objects, 512)), 0))
        for _ in range(count):
            centre += speed
            speed = np.where((centre < 0) | (centre > size), -speed, speed)
            seen = random.random(self.objects) >= 0.05
            corner = centre[seen] + random.normal(0, 1.5, (int(seen.sum()), 2))
            boxes = np.concatenate([corner - half[seen], corner + half[seen]], axis=1)
            low = random.random(len(boxes)) < 0.1
            scores = np.where(low, 0.35, 0.9)
            noise = np.maximum(random.normal(0, 1, (len(boxes), 512)), 0)
            yield (
                Detections(boxes, scores, np.zeros(len(boxes), np.int64)),
                _unit(person[seen] + 0.4 * _unit(noise)).astype(np.float32),
            )


def _unit(rows: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    unit: npt.NDArray[np.floating] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


def ours(preset: str) -> Update:
    """This project's tracker with a preset."""
    tracker = build_tracker(preset)
    return lambda index, detections, embeddings: tracker.update(
        detections, embeddings, index / RATE
    )


def deep_sort_realtime() -> Update:
    """DeepSORT with a list per track."""
    from deep_sort_realtime.deepsort_tracker import DeepSort

    tracker = DeepSort(embedder=None, nn_budget=BUDGET)

    def update(index: int, detections: Detections, embeddings: Embeddings) -> object:
        tlwh = xyxy_to_tlwh(detections.boxes)
        raw = [
            (box, score, 0)
            for box, score in zip(tlwh.tolist(), detections.scores.tolist(), strict=True)
        ]
        return tracker.update_tracks(raw, embeds=list(embeddings))

    return update


def boxmot_strongsort() -> Update:
    """BoxMOT's StrongSORT with its camera-motion compensation replaced by the identity."""
    from boxmot.trackers.box.strongsort.tracker import StrongSort

    class Given:
        rows: Embeddings

        def get_features(self, boxes: object, image: object) -> Embeddings:
            return self.rows

    given = Given()
    tracker = StrongSort(reid_model=given, nn_budget=BUDGET)
    tracker.apply_cmc = lambda *_: None
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)

    def update(index: int, detections: Detections, embeddings: Embeddings) -> object:
        given.rows = embeddings
        rows = np.column_stack([detections.boxes, detections.scores, detections.classes])
        return tracker.update(rows, image)

    return update


def roboflow_sort() -> Update:
    """SORT of roboflow's trackers: motion only."""
    import supervision as sv
    from trackers import SORTTracker

    tracker = SORTTracker()

    def update(index: int, detections: Detections, embeddings: Embeddings) -> object:
        return tracker.update(
            sv.Detections(
                xyxy=detections.boxes, confidence=detections.scores, class_id=detections.classes
            )
        )

    return update


TRACKERS: dict[str, Callable[[], Update]] = {
    "reid_tracker deepsort": partial(ours, "deepsort"),
    "reid_tracker default": partial(ours, "default"),
    "reid_tracker fast": partial(ours, "fast"),
    "trackers SORT (motion)": roboflow_sort,
    "deep-sort-realtime": deep_sort_realtime,
    "BoxMOT StrongSORT": boxmot_strongsort,
}


def median_ms(trackers: list[Callable[[], Update]], scene: Scene, frames: int) -> FloatArray:
    """Return the median CPU time of an update of each tracker after the memories are full."""
    updates = [build() for build in trackers]
    times = np.zeros((WARM_UP + frames, len(updates)))
    for index, (detections, embeddings) in enumerate(scene.frames(WARM_UP + frames)):
        for turn in range(len(updates)):
            which = (index + turn) % len(updates)
            start = time.process_time()
            updates[which](index, detections, embeddings)
            times[index, which] = time.process_time() - start
    return 1000 * np.median(times[WARM_UP:], axis=0)


def camera_ms(frames: int) -> tuple[float, float]:
    """Return the median time that camera motion takes on a 1080p camera, still and panning."""
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (60, 120, 3)).astype(np.uint8)
    world = cv2.resize(coarse, (WIDTH + 800, HEIGHT), interpolation=cv2.INTER_CUBIC)
    noise = random.integers(0, 8, (HEIGHT, WIDTH, 3), np.uint8)
    people = next(Scene(30).frames(1))[0].boxes.astype(np.float64)
    cameras = [CameraMotion(), CameraMotion()]
    times = np.zeros((frames, 2))
    moved = 0
    for index in range(frames):
        pan = round(400 + 400 * np.sin(index / 20))
        for which, left in enumerate((400, pan)):
            view = cv2.add(world[:, left : left + WIDTH], np.roll(noise, index, axis=1))
            start = time.process_time()
            motion = cameras[which].estimate(np.asarray(view, np.uint8), people)
            times[index, which] = time.process_time() - start
            moved += which == 1 and motion is not None
    if moved < 0.9 * frames:
        raise RuntimeError(f"the pan was found in {moved} of {frames} frames")
    still, moving = 1000 * np.median(times, axis=0)
    return float(still), float(moving)


def main() -> None:
    """Print a table of milliseconds, updates per second and ratios."""
    parser = argparse.ArgumentParser(description="Time tracker updates.")
    parser.add_argument("--objects", type=int, nargs="+", default=[10, 30, 100, 300, 1000])
    parser.add_argument("--frames", type=int, default=100, help="timed frames after the warm-up")
    arguments = parser.parse_args()
    installed: dict[str, Callable[[], Update]] = {}
    for name, build in TRACKERS.items():
        try:
            build()
        except ImportError as error:
            print(f"{name}: not installed ({error.name})")
        else:
            installed[name] = build
    print("median CPU ms an update (updates per second; ratio to the preset deepsort)")
    print(" " * 24 + "".join(f"{count:>26}" for count in arguments.objects))
    times = np.stack(
        [median_ms(list(installed.values()), Scene(n), arguments.frames) for n in arguments.objects]
    )
    for name, column in zip(installed, times.T, strict=True):
        cells = [
            f"{ms:>9.2f} ({1000 / ms:6.0f}/s;{ms / base:6.1f}x)"
            for ms, base in zip(column, times[:, 0], strict=True)
        ]
        print(f"{name:24}" + "".join(cells))
    still, moving = camera_ms(arguments.frames)
    print(f"camera motion at 1080p: still {still:.2f} ms, moving {moving:.2f} ms")


if __name__ == "__main__":
    main()
