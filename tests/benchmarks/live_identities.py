"""Identities of a live site (network cameras, host, broker, centre) against a run on files.

    python -m tests.benchmarks.live_identities

An RTSP server plays the two views of PETS09-S2L1 once (at their true 7 frames per second). A camera
host tracks people and sends messages through NATS to a centre with PostgreSQL. A run in one process
reads the same clips from files. The boxes of both runs have identities over the two cameras and are
compared box by box.

- "same boxes": boxes of the run on files that the live run also has (IoU 0.9, same frame). Missing
  boxes are due to dropped frames.
- "same person": how many of these have the same identity under the best one-to-one mapping.
- IDF1 and HOTA: over both cameras, against the run on files and against the ground truth, as in
  `tests.benchmarks.multi_camera`.

The row "files, frames read live" repeats the run on files with only the frames of the live run and
their capture times. Its difference from "live" is therefore not due to dropped frames.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment

from reid_tracker.config import Config, EncoderConfig
from reid_tracker.evaluate.multi_camera import (
    CameraResult,
    IdentityBoxes,
    evaluate_multi_camera,
    match_boxes,
)
from reid_tracker.match import final_identities
from reid_tracker.pipeline import Pipeline
from reid_tracker.types import Frame, IdentityEvent, VideoInfo
from reid_tracker.video import open_source
from reid_tracker.video.source import BaseSource
from tests.benchmarks.live_site import run_site, write_clip
from tests.benchmarks.multi_camera import FOLDER, VIEWS, truth
from tests.cli.observer import Key, Observer

PETS_RATE = 7.0
_SAME_BOX = 0.9
_LEAD_S, _TAIL_S = 10.0, 12.0

Boxes = dict[str, IdentityBoxes]
"""By camera; frames count from the first of the clip, grey ones too."""


@dataclass(frozen=True)
class Clip:
    """One camera's clip.

    Attributes:
        path: of the video with grey frames around it.
        rate: frames a second.
        frames: how many.
    """

    path: Path
    rate: float
    frames: int


class Picked(BaseSource):
    """Some frames of a clip, with times of their own.

    Args:
        name: of the camera.
        clip: the file.
        times: seconds by the number of each frame that is to be read.
    """

    def __init__(self, name: str, clip: Clip, times: Mapping[int, float]) -> None:
        self._source, self._times = open_source(clip.path), times
        size = self._source.info
        super().__init__(
            name, VideoInfo(size.width, size.height, Fraction(clip.rate), clip.frames), 1
        )

    def _read(self) -> Iterator[Frame]:
        for frame in self._source:
            if frame.index in self._times:
                yield replace(frame, timestamp_s=self._times[frame.index])

    def _release(self) -> None:
        self._source.close()


def from_files(
    clips: Mapping[str, Clip], times: Mapping[str, Mapping[int, float]], config: Config
) -> tuple[Boxes, int]:
    """Run everything in one process; returns boxes with identities, and the number of tracklets."""
    pipeline = Pipeline.from_config(config)
    sources = [Picked(name, clip, times[name]) for name, clip in clips.items()]
    rows: dict[str, list[tuple[int, int, np.ndarray]]] = {name: [] for name in clips}
    events: list[IdentityEvent] = []
    for result in pipeline.run(sources):
        events += result.events
        tracks = result.tracks
        for row in np.flatnonzero(tracks.observed):
            box = tracks.boxes[row].astype(np.float64)
            rows[result.camera].append((result.frame.index, int(tracks.ids[row]), box))
    who = final_identities([*events, *pipeline.last_events])
    found = {
        name: _boxes([(frame, who.get((name, track), 0), box) for frame, track, box in rows[name]])
        for name in clips
    }
    return found, len(set(who))


def live_boxes(
    heard: Observer, who: Mapping[Key, int], clips: Mapping[str, Clip], known: Boxes
) -> tuple[Boxes, dict[str, dict[int, float]]]:
    """Return what was seen live by the frames of the clips, and when each frame was captured."""
    boxes, times = {}, {}
    for name, clip in clips.items():
        with open_source(clip.path) as source:
            scale = np.array([source.info.width, source.info.height] * 2, np.float64)
        seen = {
            (message.key, one.time_s): np.array(one.box) * scale
            for message in heard.tracklets
            if message.camera == name
            for one in message.observations
        }
        sights = [(time_s, who.get(key, 0), box) for (key, time_s), box in seen.items()]
        began_s = _began_s(sights, known[name], clip.rate)
        numbered = [(round((at - began_s) * clip.rate), person, box) for at, person, box in sights]
        boxes[name] = _boxes(numbered)
        times[name] = {
            round((at - began_s) * clip.rate): at for at in sorted({at for at, *_ in sights})
        }
    return boxes, times


def _began_s(
    sights: list[tuple[float, int, np.ndarray]], known: IdentityBoxes, rate: float
) -> float:
    """Return the time of frame 0, by the boxes that both runs have."""
    turns = np.exp(2j * np.pi * rate * np.array([at for at, *_ in sights]))
    phase = float(np.angle(turns.mean()))
    votes: Counter[int] = Counter()
    for at, _, box in sights:
        near = known.frames[np.abs(known.boxes - box).max(axis=1) < 0.5]
        votes.update((round(at * rate - phase / (2 * np.pi)) - near).tolist())
    if not votes:
        raise RuntimeError("no box was seen both live and in the file: nothing can be compared")
    return (votes.most_common(1)[0][0] + phase / (2 * np.pi)) / rate


def _boxes(rows: list[tuple[int, int, np.ndarray]]) -> IdentityBoxes:
    """Drop who has no identity, and the second box of one identity in a frame."""
    seen: dict[tuple[int, int], np.ndarray] = {}
    for frame, person, box in rows:
        if person > 0:
            seen.setdefault((frame, person), box)
    keys = np.array(sorted(seen), np.int64).reshape(-1, 2)
    boxes = np.array([seen[frame, person] for frame, person in keys.tolist()]).reshape(-1, 4)
    return IdentityBoxes(keys[:, 0], keys[:, 1], boxes)


def same_person(one: Boxes, other: Boxes) -> tuple[int, int]:
    """Return how many boxes are in both, and how many of these have the same identity."""
    pairs: Counter[tuple[int, int]] = Counter()
    for name, boxes in one.items():
        for frame in np.unique(boxes.frames):
            here = boxes[boxes.frames == frame]
            there = other[name][other[name].frames == frame]
            rows, columns = match_boxes(here.boxes, there.boxes, _SAME_BOX)
            pairs.update(zip(here.ids[rows].tolist(), there.ids[columns].tolist(), strict=True))
    ours, theirs = ({pair[side]: None for pair in pairs} for side in (0, 1))
    table = np.zeros((len(ours), len(theirs)))
    for (a, b), count in pairs.items():
        table[list(ours).index(a), list(theirs).index(b)] = count
    rows, columns = linear_sum_assignment(-table)
    return sum(pairs.values()), int(table[rows, columns].sum())


def _line(name: str, found: Boxes, tracklets: int, frames: int, base: Boxes, lead: int) -> str:
    """Format a row; frames of the truth count from 1 after `lead` grey ones."""
    both, same = same_person(base, found)
    total = sum(len(one.ids) for one in base.values())
    files = evaluate_multi_camera({key: CameraResult(base[key], found[key]) for key in base})
    people = len(set(np.concatenate([one.ids for one in found.values()]).tolist()))
    text = (
        f"{name:26}{frames:8}{tracklets:11}{people:8}{100 * both / total:13.1f}%"
        f"{100 * same / max(both, 1):13.1f}%{files.idf1:9.3f}{files.hota:8.3f}"
    )
    if set(base) != set(VIEWS):
        return text
    true = truth(people=False)
    moved = {key: replace(one, frames=one.frames - lead + 1) for key, one in found.items()}
    scores = evaluate_multi_camera(
        {key: CameraResult(true[key], moved[key], key == "view006") for key in moved}
    )
    return f"{text}{scores.idf1:13.3f}{scores.hota:8.3f}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Compare live identities with those of files.")
    parser.add_argument("--clips", nargs=2, metavar="FILE", help="other videos than PETS09")
    parser.add_argument("--rate", type=float, default=PETS_RATE, help="frames a second to show")
    parser.add_argument("--frames", type=int, default=10**9, help="most frames of each")
    parser.add_argument("--encoder", default="auto", metavar="MODEL")
    words = parser.parse_args()
    paths = [Path(one) for one in words.clips or [FOLDER / f"{view}.mp4" for view in VIEWS]]
    names = VIEWS if words.clips is None else ("a", "b")
    lead, tail = round(_LEAD_S * words.rate), round(_TAIL_S * words.rate)
    with tempfile.TemporaryDirectory(prefix="reid-live-") as name:
        folder, clips = Path(name), {}
        for camera, path in zip(names, paths, strict=True):
            clip = folder / f"{camera}.mp4"
            count = write_clip(path, clip, words.rate, lead, tail, words.frames)
            clips[camera] = Clip(clip, words.rate, count)
        compare(folder, clips, lead, words.encoder)


def compare(folder: Path, clips: Mapping[str, Clip], lead: int, encoder: str) -> tuple[int, int]:
    """Print the table; returns what `same_person` tells of both runs on the frames read live."""
    config = Config(encoder=EncoderConfig(encoder))
    every = {
        name: {number: number / clip.rate for number in range(clip.frames)}
        for name, clip in clips.items()
    }
    base, tracklets = from_files(clips, every, config)
    seconds = max(clip.frames / clip.rate for clip in clips.values())
    files = {name: clip.path for name, clip in clips.items()}
    heard, who = run_site(folder, files, seconds, config)
    live, times = live_boxes(heard, who, clips, base)
    again, fewer = from_files(clips, times, config)
    print(
        f"{'':26}{'frames':>8}{'tracklets':>11}{'people':>8}{'same boxes':>14}{'same person':>14}"
        f"{'IDF1':>9}{'HOTA':>8}{'truth: IDF1':>13}{'HOTA':>8}"
    )
    shown = sum(map(len, times.values()))
    total = sum(len(np.unique(one.frames)) for one in base.values())
    print(_line("files", base, tracklets, total, base, lead))
    print(_line("files, frames read live", again, fewer, shown, base, lead))
    print(_line("live", live, len(who), shown, base, lead))
    both, same = same_person(again, live)
    print(f"\nlive against files, frames read live: {same} of {both} boxes have the same identity")
    for status in {one.camera: one for one in heard.states}.values():
        print(f"camera {status.camera}: {status.frames} frames read, {status.dropped} dropped")
    print(f"messages missing: {heard.missing}; people by the centre: {len(set(who.values()))}")
    return both, same


if __name__ == "__main__":
    main()
