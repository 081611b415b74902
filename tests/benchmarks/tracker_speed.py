"""Time tracker updates with given detections and embeddings, without camera-motion compensation.

    python -m tests.benchmarks.tracker_speed [--objects 10 30 100 300] [--frames 100]

Other trackers are optional and skipped if they are not installed. They conflict with packages of
this project (boxmot installs another `lap`), so use a separate virtual environment:

    pip install . boxmot==25.0.0 deep-sort-realtime==1.3.2 trackers==2.6.1 'setuptools<81'

The scene is synthetic: people walk over 1920 x 1080 pixels at 30 frames per second, 5 % are missed
in each frame and 10 % are seen with low confidence. Every tracker sees the same frames; those with
an appearance memory keep 100 embeddings of 512 numbers per track, and are timed when it is full.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reid_tracker.geometry import xyxy_to_tlwh
from reid_tracker.track import build_tracker
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


def ours() -> Update:
    """This project's tracker with the default preset."""
    tracker = build_tracker()
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
    "reid_tracker default": ours,
    "trackers SORT (motion)": roboflow_sort,
    "deep-sort-realtime": deep_sort_realtime,
    "BoxMOT StrongSORT": boxmot_strongsort,
}


def median_ms(update: Update, scene: Scene, frames: int) -> float:
    """Median time of an update after the appearance memories are full."""
    times = []
    for index, (detections, embeddings) in enumerate(scene.frames(WARM_UP + frames)):
        start = time.perf_counter()
        update(index, detections, embeddings)
        times.append(time.perf_counter() - start)
    return 1000 * float(np.median(times[WARM_UP:]))


def main() -> None:
    """Print a table of milliseconds, updates per second and ratios."""
    parser = argparse.ArgumentParser(description="Time tracker updates.")
    parser.add_argument("--objects", type=int, nargs="+", default=[10, 30, 100, 300])
    parser.add_argument("--frames", type=int, default=100, help="timed frames after the warm-up")
    arguments = parser.parse_args()
    print("median ms an update (updates per second; ratio to reid_tracker)")
    print(" " * 24 + "".join(f"{count:>26}" for count in arguments.objects))
    base: list[float] = []
    for name, build in TRACKERS.items():
        try:
            build()
        except ImportError as error:
            print(f"{name:24}not installed ({error.name})")
            continue
        times = [median_ms(build(), Scene(n), arguments.frames) for n in arguments.objects]
        base = base or times
        cells = [
            f"{ms:>9.2f} ({1000 / ms:6.0f}/s;{ms / ours_ms:6.1f}x)"
            for ms, ours_ms in zip(times, base, strict=True)
        ]
        print(f"{name:24}" + "".join(cells), flush=True)


if __name__ == "__main__":
    main()
