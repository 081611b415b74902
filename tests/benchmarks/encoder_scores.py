"""Compare appearance encoders: people found again, and people tracked, in one table.

    python -m tests.benchmarks.encoder_scores [--encoder MODEL ...]

* CUHK03 val: 100 people; images of camera A are searched in camera B; every true image counts.
* Market-1501: 300 people; every image is searched in those of other cameras. An unseen place for
  encoders that were trained without this data set.
* PETS09-S2L1: people of view 001 are searched in view 006, once per second. An unseen place, other
  cameras, people of 40 to 250 pixels.
* TUD-Campus: people of the first third of the clip are searched in its last third.
* IDF1: DeepSORT on cached detections of YOLO11n, with embeddings of the encoder and its appearance
  gate from the weights manifest.

Boxes are those of the cached detections that overlap a labelled person by an IoU of at least 0.6
and another one by less than 0.2.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from reid_tracker import build_encoder, build_tracker, open_source
from reid_tracker.config import DeepSortConfig, EncoderConfig
from reid_tracker.encode import Encoder, encoder_thresholds
from reid_tracker.evaluate import Labels, ReidScores, Samples, evaluate_reid
from reid_tracker.geometry import iou_matrix, tlwh_to_xyxy
from reid_tracker.train import open_dataset
from reid_tracker.types import Detections, Embeddings, Frame, ImageBGR
from reid_tracker.video.images import read_picture
from tests.benchmarks.mot_cached import SEQUENCES, SHARED, track
from tests.benchmarks.mot_scores import Rows, read_mot, score

MSMT17 = SHARED.parent / "weights" / "osnet_x0_25_msmt17.onnx"
PETS = SHARED / "multicam" / "PETS09-S2L1"
VIDEOS = {
    "PETS09-S2L1": PETS / "view001.mp4",
    "TUD-Campus": SHARED / "mot" / "TUD-Campus" / "img1",
}
BATCH = 64
MARKET_PEOPLE = 300


class LabelledPeople:
    """Crops of labelled people out of one sequence, in memory.

    Args:
        video: what `open_source` takes.
        cache: cached detections.
        truth: MOTChallenge text.
        step: every n-th frame is taken.
    """

    def __init__(self, video: Path, cache: Path, truth: Path, step: int) -> None:
        self.crops: list[ImageBGR] = []
        identities, frames = [], []
        labels, found = read_mot(truth), dict(np.load(cache))
        labels = labels[labels[:, 6] != 0]
        for frame in read_frames(video, step):
            number = frame.index + 1
            boxes = found["boxes"][found["frame"] == number]
            here = labels[labels[:, 0] == number]
            for row, identity in matched(boxes, here):
                left, top, right, bottom = np.rint(boxes[row]).astype(int).clip(0).tolist()
                self.crops.append(frame.image[top:bottom, left:right].copy())
                identities.append(identity)
                frames.append(number)
        self.identities = np.array(identities, np.int64)
        self.frames = np.array(frames, np.int64)

    def samples(self, encoder: Encoder, rows: npt.NDArray[np.bool_], camera: int) -> Samples:
        """Encode the crops of some rows, as pictures of one camera."""
        crops = [crop for crop, wanted in zip(self.crops, rows, strict=True) if wanted]
        labels = Labels(self.identities[rows], np.full(len(crops), camera))
        return Samples(encode_crops(encoder, crops), labels)


def matched(boxes: npt.NDArray[np.float32], labels: Rows) -> Iterator[tuple[int, int]]:
    """Yield box rows and the identities that they show, where nobody stands in the way."""
    overlap = iou_matrix(boxes, tlwh_to_xyxy(labels[:, 2:6].astype(np.float32)))
    for column, identity in enumerate(labels[:, 1].astype(int).tolist()):
        row = int(np.argmax(overlap[:, column])) if len(boxes) else 0
        others = np.delete(overlap[row], column) if len(boxes) else np.empty(0)
        if len(boxes) and overlap[row, column] >= 0.6 and others.max(initial=0) < 0.2:
            yield row, identity


def encode_crops(encoder: Encoder, crops: list[ImageBGR]) -> Embeddings:
    """Encode whole pictures, (N, D)."""
    rows = [np.empty((0, encoder.embedding_size), np.float32)]
    for start in range(0, len(crops), BATCH):
        part = crops[start : start + BATCH]
        whole = [np.array([[0, 0, *crop.shape[1::-1]]], np.float32) for crop in part]
        rows += encoder.encode_batch(part, whole)
    return np.concatenate(rows)


def cuhk03(encoder: Encoder) -> ReidScores:
    """Score the classic test people."""
    data = open_dataset("cuhk03_crops", SHARED / "reid" / "cuhk03")
    sides = []
    for images in (data.query, data.gallery):
        crops = [read_picture(path) for path in images.paths]
        labels = Labels(images.identities, images.cameras)
        sides.append(Samples(encode_crops(encoder, crops), labels))
    return evaluate_reid(*sides)


def market1501(encoder: Encoder) -> ReidScores:
    """Search every picture of some training people in the pictures by other cameras."""
    images = open_dataset("market1501", SHARED / "reid" / "market1501").train
    images = images[np.isin(images.identities, np.unique(images.identities)[:MARKET_PEOPLE])]
    crops = [read_picture(path) for path in images.paths]
    samples = Samples(encode_crops(encoder, crops), Labels(images.identities, images.cameras))
    return evaluate_reid(samples, samples)


def pets(encoder: Encoder) -> ReidScores:
    """Search people of one view in the other."""
    sides = []
    for camera, view in enumerate(("view001", "view006")):
        people = LabelledPeople(
            PETS / f"{view}.mp4",
            SHARED / "cache" / f"PETS09-S2L1_{view}.npz",
            PETS / f"gt_{view}.txt",
            step=7,
        )
        sides.append(people.samples(encoder, np.ones(len(people.crops), bool), camera))
    return evaluate_reid(*sides)


def tud(encoder: Encoder) -> ReidScores:
    """Search people of the clip's first third in its last."""
    scene = SEQUENCES[1]
    people = LabelledPeople(VIDEOS[scene.name], scene.cache, scene.truth, step=2)
    first = people.samples(encoder, people.frames <= 24, 0)
    return evaluate_reid(first, people.samples(encoder, people.frames > 47, 1))


def idf1(encoder: Encoder, number: int, max_cosine_distance: float | None = None) -> float:
    """Track cached detections with embeddings by the encoder, and the gate that suits it."""
    scene = SEQUENCES[number]
    frames = read_frames(VIDEOS[scene.name])
    cached = scene.frames()

    def encoded() -> Iterator[tuple[int, Detections, Embeddings]]:
        for frame, (index, detections, _) in zip(frames, cached, strict=False):
            yield index, detections, encoder.encode(frame.image, detections.boxes)

    tracker = build_tracker(DeepSortConfig(max_cosine_distance=max_cosine_distance))
    return score(read_mot(scene.truth), track(scene, tracker, encoded()))["IDF1"]


def read_frames(video: Path, step: int = 1) -> Iterator[Frame]:
    with open_source(video, stride=step) as source:
        yield from source


def milliseconds(encoder: Encoder) -> float:
    """Time of one crop in a batch of 16, median of 20."""
    image = np.random.default_rng(0).integers(0, 255, (400, 400, 3), np.uint8)
    boxes = np.tile(np.array([[10, 10, 110, 260]], np.float32), (16, 1))
    times = []
    for _ in range(20):
        begin = time.perf_counter()
        encoder.encode(image, boxes)
        times.append(time.perf_counter() - begin)
    return 1000 * statistics.median(times) / len(boxes)


TESTS: dict[str, Callable[[Encoder], ReidScores]] = {
    "CUHK03 val": cuhk03,
    "Market-1501 people": market1501,
    "PETS09 two views": pets,
    "TUD-Campus later": tud,
}


def main() -> None:
    """Print one row for each encoder, students as well as teachers (.xml).

    An ONNX file decides on the size of the crops, so that the same weights can be compared at two.
    """
    parser = argparse.ArgumentParser(description="Compare appearance encoders.")
    parser.add_argument("--encoder", action="append", metavar="MODEL", help="default: auto, MSMT17")
    parser.add_argument("--place", action="append", choices=TESTS, help="default: all")
    parser.add_argument("--no-tracking", action="store_true", help="leave the two IDF1 out")
    arguments = parser.parse_args()
    encoders = arguments.encoder or ["auto", str(MSMT17)]
    places = arguments.place or list(TESTS)
    scenes = [] if arguments.no_tracking else list(range(len(SEQUENCES)))
    names = [f"{name} rank-1 / mAP" for name in places]
    names += [f"IDF1 {SEQUENCES[number].name}" for number in scenes] + ["ms a crop"]
    print(f"| encoder | {' | '.join(names)} |\n|---|{'--:|' * len(names)}")
    for model in encoders:
        encoder = build_encoder(model)
        cells = []
        for place in places:
            scores = TESTS[place](encoder)
            cells.append(f"{scores.rank(1):.3f} / {scores.mean_ap:.3f}")
        gate = encoder_thresholds(EncoderConfig(model=model)).max_cosine_distance
        cells += [f"{idf1(encoder, number, gate):.1f}" for number in scenes]
        cells.append(f"{milliseconds(encoder):.1f}")
        print(f"| {Path(model).name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
