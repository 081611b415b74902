"""Other trackers with their own encoder and with ours, same weights: scores and speed.

python -m tests.benchmarks.plugins [--sequence TUD-Campus] [--host BoxMOT ...]

Needs the hosts (see .ci/hosts), ../shared and the demo clip, which is view 001 of PETS09-S2L1.
Boxes are the cached ones of one detector, and every tracker has its defaults. Frames per second
count the encoder and the tracker, not reading and detecting. Each host runs in this process after
the others, its own encoder and ours frame by frame in turn, so that a busy machine slows both.

"Glue" is what the plug-in itself takes, in percent of the host's tracker without any encoder, by
the medians over all frames: a single frame may have waited for another program.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from reid_tracker.encode import Encoder, build_encoder
from reid_tracker.geometry import xyxy_to_tlwh
from reid_tracker.plugins import boxmot as plug_boxmot
from reid_tracker.plugins import deep_sort_realtime as plug_realtime
from reid_tracker.plugins import norfair as plug_norfair
from reid_tracker.plugins import trackers as plug_trackers
from reid_tracker.plugins import ultralytics as plug_ultralytics
from reid_tracker.types import Detections, ImageBGR
from tests.benchmarks.mot_cached import SEQUENCES, SHARED, CachedSequence
from tests.benchmarks.mot_scores import Rows, read_mot, score
from tests.conftest import ROOT

ONNX = ROOT / "weights" / "osnet_x0_25_cuhk03.onnx"
CHECKPOINT = ONNX.with_suffix(".pth")

Step = Callable[[ImageBGR, Detections], Any]
"""Tracks one frame: (M, 5) id, left, top, right, bottom."""

GLUE = (
    (plug_boxmot.ReidModel, "get_features"),
    (plug_ultralytics.TrackerEncoder, "__call__"),
    (plug_realtime, "update_tracks"),
    (plug_norfair, "to_norfair"),
    (plug_trackers.DeepSortTracker, "update"),
)
"""What hosts and programs call of the plug-ins."""


class Clock:
    """Splits time between "host", "glue" and "encoder", which call each other."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._running = "host"
        self._since = time.perf_counter()

    def switch(self, to: str) -> str:
        """Charge the time until now to what ran, start another, and return what ran."""
        now, before = time.perf_counter(), self._running
        self.seconds[before] = self.seconds.get(before, 0.0) + now - self._since
        self._running, self._since = to, now
        return before

    def charge(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function whose time counts as `name`, but for what it calls of others."""

        def charged(*given: Any, **named: Any) -> Any:
            before = self.switch(name)
            try:
                return function(*given, **named)
            finally:
                self.switch(before)

        return charged

    def lap(self) -> dict[str, float]:
        """Return the seconds since the last lap."""
        self.switch("host")
        seconds, self.seconds = self.seconds, {}
        return seconds


def watched(encoder: Encoder, clock: Clock) -> Any:
    """Return the encoder for a clock, and let it watch the plug-ins."""
    for owner, name in GLUE:
        setattr(owner, name, clock.charge("glue", getattr(owner, name)))
    return types.SimpleNamespace(encode=clock.charge("encoder", encoder.encode))


def of_boxmot(tracker: Any) -> Step:
    """Return the step of a BoxMOT tracker."""

    def step(image: ImageBGR, found: Detections) -> Any:
        rows = np.column_stack([found.boxes, found.scores, found.classes])
        return tracker.update(rows, image)[:, [4, 0, 1, 2, 3]]

    return step


def boxmot_own(folder: Path) -> Step:
    """Return BoT-SORT with BoxMOT's ONNX encoder, which may not install another ONNX Runtime."""
    from boxmot import BotSort
    from boxmot.reid.backends.onnx_backend import ONNXBackend

    ONNXBackend._ensure_onnxruntime_installed = lambda self: None
    weights = folder / "osnet_x0_25_msmt17.onnx"  # BoxMOT reads the network from the name
    weights.write_bytes(ONNX.read_bytes())
    return of_boxmot(BotSort(reid_weights=weights, device="cpu"))


def boxmot_ours(encoder: Encoder, _: Clock) -> Step:
    """Return BoT-SORT with our encoder."""
    from boxmot import BotSort

    return of_boxmot(BotSort(reid_model=plug_boxmot.ReidModel(encoder)))


def of_ultralytics(reid: Any) -> Step:
    """Return ultralytics' BoT-SORT with an encoder."""
    from ultralytics.engine.results import Boxes
    from ultralytics.trackers.bot_sort import BOTSORT
    from ultralytics.utils import YAML, IterableSimpleNamespace
    from ultralytics.utils.checks import check_yaml

    tracker = BOTSORT(IterableSimpleNamespace(**YAML.load(check_yaml("botsort.yaml"))))
    plug_ultralytics._equip(tracker, reid)

    def step(image: ImageBGR, found: Detections) -> Any:
        rows = np.column_stack([found.boxes, found.scores, found.classes])
        tracks = tracker.update(Boxes(rows, image.shape[:2]), image)
        return tracks[:, [4, 0, 1, 2, 3]] if len(tracks) else np.empty((0, 5))

    return step


def ultralytics_own(folder: Path) -> Step:
    """Return it with its own encoder, on a file that normalises as the network needs."""
    from ultralytics.trackers.utils.reid import ReID

    plug_ultralytics.export(ONNX, folder / "ultralytics.onnx")
    return of_ultralytics(ReID(str(folder / "ultralytics.onnx"), device="cpu"))


def ultralytics_ours(encoder: Encoder, _: Clock) -> Step:
    """Return it with our encoder."""
    return of_ultralytics(plug_ultralytics.TrackerEncoder(encoder))


def seen(tracks: Any) -> Any:
    """Return the confirmed tracks of deep-sort-realtime that this frame shows."""
    rows = [
        [int(one.track_id), *one.to_ltrb()]
        for one in tracks
        if one.is_confirmed() and one.time_since_update == 0
    ]
    return np.array(rows, np.float64).reshape(-1, 5)


def realtime_own(folder: Path) -> Step:
    """Return deep-sort-realtime with its torchreid embedder, past two imports that fail today."""
    import torchreid
    from deep_sort_realtime.deepsort_tracker import DeepSort

    packages: Any = types.ModuleType("pkg_resources")
    packages.resource_filename = lambda package, name: str(folder / name)
    sys.modules.setdefault("pkg_resources", packages)
    sys.modules.setdefault("torchreid.utils", torchreid.utils)
    tracker = DeepSort(
        embedder="torchreid",
        embedder_gpu=False,
        embedder_model_name="osnet_x0_25",
        embedder_wts=str(CHECKPOINT),
        nn_budget=100,
    )

    def step(image: ImageBGR, found: Detections) -> Any:
        tlwh = xyxy_to_tlwh(found.boxes).tolist()
        rows = [(box, confidence, 0) for box, confidence in zip(tlwh, found.scores, strict=True)]
        return seen(tracker.update_tracks(rows, frame=image))

    return step


def realtime_ours(encoder: Encoder, clock: Clock) -> Step:
    """Return deep-sort-realtime with our encoder."""
    from deep_sort_realtime.deepsort_tracker import DeepSort

    tracker = DeepSort(embedder=None, nn_budget=100)
    tracker.update_tracks = clock.charge("host", tracker.update_tracks)
    return lambda image, found: seen(plug_realtime.update_tracks(tracker, found, image, encoder))


def norfair_ours(encoder: Encoder, _: Clock) -> Step:
    """Return norfair as in its demo; it has no encoder of its own."""
    from norfair import Tracker

    tracker = Tracker(
        "iou",
        distance_threshold=0.7,
        reid_distance_function=plug_norfair.reid_distance,
        reid_distance_threshold=0.3,
        reid_hit_counter_max=60,
    )

    def step(image: ImageBGR, found: Detections) -> Any:
        embeddings = encoder.encode(image, found.boxes)
        objects = tracker.update(plug_norfair.to_norfair(found, embeddings))
        rows = [[one.id, *one.estimate.ravel()] for one in objects if one.live_points.any()]
        return np.array(rows, np.float64).reshape(-1, 5)

    return step


def trackers_step(tracker: Any) -> Step:
    """Return the step of one of roboflow's trackers."""
    import supervision as sv

    def step(image: ImageBGR, found: Detections) -> Any:
        given = sv.Detections(found.boxes, confidence=found.scores, class_id=found.classes)
        result = tracker.update(given, image)
        result = result[result.tracker_id != -1]
        return np.column_stack([result.tracker_id, result.xyxy])

    return step


def trackers_own(folder: Path) -> Step:
    """Return its BoT-SORT, which compares no appearance in 2.6."""
    from trackers import BoTSORTTracker

    return trackers_step(BoTSORTTracker())


def trackers_ours(encoder: Encoder, clock: Clock) -> Step:
    """Return our tracker behind its interface."""
    tracker = plug_trackers.DeepSortTracker(encoder=encoder)
    core: Any = tracker._tracker
    core.update = clock.charge("host", core.update)
    return trackers_step(tracker)


HOSTS: dict[str, tuple[int, Callable[[Path], Step] | None, Callable[[Encoder, Clock], Step]]] = {
    "BoxMOT BotSort": (2, boxmot_own, boxmot_ours),
    "ultralytics BOTSORT": (2, ultralytics_own, ultralytics_ours),
    "deep-sort-realtime": (3, realtime_own, realtime_ours),
    "norfair": (3, None, norfair_ours),
    "trackers, its BoT-SORT or our tracker": (2, trackers_own, trackers_ours),
}
"""Lines to switch in a program, the host with its own encoder, and with ours."""


def pictures(sequence: CachedSequence) -> Iterator[ImageBGR]:
    """Yield the frames of a sequence."""
    if sequence.name == "PETS09-S2L1":
        clip = cv2.VideoCapture(str(ROOT / "demo" / "pedestrians.mp4"))
    else:
        clip = cv2.VideoCapture(str(SHARED / "mot" / sequence.name / "img1" / "%06d.jpg"))
    while True:
        read, image = clip.read()
        if not read:
            return
        yield np.asarray(image, np.uint8)


def compare(
    sequence: CachedSequence, steps: list[Step], clock: Clock
) -> tuple[list[tuple[Rows, float]], float]:
    """Return MOT rows and frames per second of each, and the glue of the last, in percent.

    On each frame one runs after the other.
    """
    laps = []
    rows: list[list[Any]] = [[np.empty((0, 7))] for _ in steps]
    times: list[list[float]] = [[] for _ in steps]
    for (number, found, _), image in zip(sequence.frames(), pictures(sequence), strict=False):
        for step, here, took in zip(steps, rows, times, strict=True):
            clock.lap()
            start = time.perf_counter()
            tracks = step(image, found)
            took.append(time.perf_counter() - start)
            lap = clock.lap()
            boxes = xyxy_to_tlwh(np.asarray(tracks[:, 1:], np.float64))
            ones = np.ones(len(tracks))
            here.append(np.column_stack([number * ones, tracks[:, 0], boxes, ones]))
        laps.append(lap)
    glue, host = ([lap.get(name, 0.0) for lap in laps] for name in ("glue", "host"))
    scored = [
        (np.concatenate(here), 1 / float(np.median(took)))
        for here, took in zip(rows, times, strict=True)
    ]
    return scored, 100 * float(np.median(glue) / np.median(host))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Compare the encoders of hosts with ours.")
    names = [one.name for one in SEQUENCES]
    parser.add_argument("--sequence", nargs="+", choices=names, default=names)
    parser.add_argument("--host", nargs="+", choices=list(HOSTS), default=list(HOSTS))
    arguments = parser.parse_args()
    clock = Clock()
    encoder = watched(build_encoder(ONNX, device="cpu"), clock)
    print("| Host | Lines | Sequence | Encoder | IDF1 | HOTA | Frames/s | Glue |")
    print("|---|---|---|---|---|---|---|---|")
    for sequence in SEQUENCES:
        for host in arguments.host if sequence.name in arguments.sequence else ():
            lines, own, ours = HOSTS[host]
            with tempfile.TemporaryDirectory() as folder:
                steps = {"its own": own(Path(folder))} if own else {}
                steps["ours"] = ours(encoder, clock)
                results, glue = compare(sequence, list(steps.values()), clock)
            for kind, (rows, rate) in zip(steps, results, strict=True):
                scores = score(read_mot(sequence.truth), rows)
                cells = f"{scores['IDF1']:.1f} | {scores['HOTA']:.1f} | {rate:.1f}"
                cells += f" | {glue:.1f} %" if kind == "ours" else " | "
                print(f"| {host} | {lines} | {sequence.name} | {kind} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
