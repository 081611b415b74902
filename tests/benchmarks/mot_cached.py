"""Track the cached detections and embeddings of ../shared/data/cache and score the result.

python -m tests.benchmarks.mot_cached [--preset default] [--refine] [--lazy] [--set KEY=VALUE ...]

With `--lazy` the tracker asks for embeddings by rows, and the part of the detections that it asked
for is printed: `--lazy --set encode=every:2`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from reid_tracker.arrays import IntArray
from reid_tracker.config import DeepSortConfig, Thresholds, load_config, parse_override
from reid_tracker.geometry import xyxy_to_tlwh
from reid_tracker.track import Tracker, build_tracker
from reid_tracker.track.refine import Recorder, refine
from reid_tracker.types import Detections, Embeddings, ImageBGR, Tracks
from tests.benchmarks.mot_scores import Rows, read_mot, score, table

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"

Frames = Iterable[tuple[int, Detections, Embeddings]]
"""Frame number from 1, detections and their embeddings."""


@dataclass(frozen=True)
class CachedSequence:
    """Detections and embeddings of one video, frame by frame."""

    name: str
    cache: Path
    truth: Path
    frame_rate: float

    def frames(self) -> Iterator[tuple[int, Detections, Embeddings]]:
        """Yield frame number from 1, detections and (N, 512) unit embeddings."""
        data = dict(np.load(self.cache))
        embeddings = data["embeddings"].astype(np.float32)
        for frame in range(1, int(read_mot(self.truth)[:, 0].max()) + 1):
            rows = data["frame"] == frame
            classes = np.zeros(int(rows.sum()), np.int64)
            yield (
                frame,
                Detections(data["boxes"][rows], data["scores"][rows], classes),
                embeddings[rows],
            )


SEQUENCES = (
    CachedSequence(
        "PETS09-S2L1",
        SHARED / "cache" / "PETS09-S2L1_view001.npz",
        SHARED / "mot" / "PETS09-S2L1" / "gt" / "gt.txt",
        7.0,
    ),
    CachedSequence(
        "TUD-Campus",
        SHARED / "cache" / "TUD-Campus.npz",
        SHARED / "mot" / "TUD-Campus" / "gt" / "gt.txt",
        25.0,
    ),
)


@dataclass
class LazyEncoder:
    """Gives a tracker the embeddings of the rows that it asks for, and counts them.

    Attributes:
        usable: number of detections that the tracker may ask for.
        encoded: number of those that it asked for.
    """

    usable: int = 0
    encoded: int = 0

    def update(
        self,
        tracker: Tracker,
        detections: Detections,
        embeddings: Embeddings,
        time_s: float,
        picture: ImageBGR | None = None,
    ) -> tuple[Tracks, Embeddings]:
        """Return the tracks of a frame, and the embeddings with zeros where none were asked for."""
        known = np.zeros_like(embeddings)

        def encode(rows: IntArray) -> Embeddings:
            known[rows] = embeddings[rows]
            self.encoded += len(rows)
            return known[rows]

        self.usable += int((detections.scores >= Thresholds().min_confidence).sum())
        return tracker.update(detections, encode, time_s, picture), known


def track(
    sequence: CachedSequence,
    tracker: Tracker,
    frames: Frames | None = None,
    lazy: LazyEncoder | None = None,
) -> Rows:
    """Return the tracks of a sequence as (R, 8) rows; `frames` replace the cached ones.

    These are MOT rows with a further column: 1 where the box was detected in this frame, else 0.
    """
    rows = [np.empty((0, 8))]
    for number, detections, embeddings in sequence.frames() if frames is None else frames:
        time_s = (number - 1) / sequence.frame_rate
        if lazy is None:
            tracks = tracker.update(detections, embeddings, time_s)
        else:
            tracks, _ = lazy.update(tracker, detections, embeddings, time_s)
        frame, boxes = np.full(len(tracks), number), xyxy_to_tlwh(tracks.boxes)
        rows.append(np.column_stack([frame, tracks.ids, boxes, tracks.scores, tracks.observed]))
    return np.concatenate(rows)


def track_refined(
    sequence: CachedSequence,
    config: DeepSortConfig,
    frames: Frames | None = None,
    lazy: LazyEncoder | None = None,
) -> Rows:
    """Return the refined tracks of a sequence as (R, 8) rows, see `track`."""
    tracker, recorder, size = build_tracker(config), Recorder(), np.zeros(2)
    thresholds = config.thresholds()
    for number, detections, embeddings in sequence.frames() if frames is None else frames:
        time_s = (number - 1) / sequence.frame_rate
        if lazy is None:
            tracks, known = tracker.update(detections, embeddings, time_s), embeddings
        else:
            tracks, known = lazy.update(tracker, detections, embeddings, time_s)
        seen = tracks.observed & (tracks.scores >= thresholds.high_confidence)
        own = np.where(seen[:, None], known[tracks.detection_index], np.float32(0))
        recorder.add(number, time_s, tracks, own)
        size = np.maximum(size, detections.boxes[:, 2:].max(axis=0, initial=0))
    refined, _ = refine(recorder.trajectories(), (size[0], size[1]), thresholds.max_cosine_distance)
    return np.concatenate(
        [
            np.column_stack(
                [
                    one.frames,
                    np.full(len(one), one.track_id),
                    xyxy_to_tlwh(one.boxes),
                    one.scores,
                    one.observed,
                ]
            )
            for one in refined
        ]
    )


def main() -> None:
    """Track and score every cached sequence."""
    parser = argparse.ArgumentParser(description="Score a tracker on cached detections.")
    parser.add_argument("--preset", default="default", help="preset or YAML file")
    parser.add_argument("--refine", action="store_true", help="refine the finished tracks")
    parser.add_argument("--lazy", action="store_true", help="encode what the tracker asks for")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    arguments = parser.parse_args()
    config = load_config(
        arguments.preset, dict(map(parse_override, arguments.set)), kind=DeepSortConfig
    )
    encoders = {one.name: LazyEncoder() if arguments.lazy else None for one in SEQUENCES}
    scores = {}
    for sequence in SEQUENCES:
        lazy = encoders[sequence.name]
        result = (
            track_refined(sequence, config, lazy=lazy)
            if arguments.refine
            else track(sequence, build_tracker(config), lazy=lazy)
        )
        scores[sequence.name] = score(read_mot(sequence.truth), result)
    print(table(scores))
    for name, lazy in encoders.items():
        if lazy is not None:
            share = 100 * lazy.encoded / lazy.usable
            print(f"{name}: {lazy.encoded} of {lazy.usable} detections encoded ({share:.0f} %)")


if __name__ == "__main__":
    main()
