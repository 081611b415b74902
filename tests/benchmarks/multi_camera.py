"""Identities over two cameras from cached detections: PETS09-S2L1, views 001 and 006, scored.

    python -m tests.benchmarks.multi_camera [--rows NAME ...] [--set KEY=VALUE ...]
    python -m tests.benchmarks.multi_camera --detector auto --encoder auto

The first command uses cached detections of YOLO11n and embeddings of the OSNet of MSMT17. The
second runs the given models with the thresholds of the weights manifest. DeepSORT tracks each view
separately; the matcher gets only the tracks. Scoring:

- The frames of both views form one sequence. trackeval's classes compute IDF1, IDP, IDR and HOTA
  with their own threshold, IoU 0.5. Only identities in both ground truths count; here all 19.
- View 001 is scored completely, with false positives and missed people.
- View 006 is scored on matched boxes only, because its ground truth is projected from view 001. In
  each frame, found and true boxes are paired by the Hungarian method on IoU. Pairs below 0.5 and
  unpaired boxes are ignored. A pair counts as full overlap.
- "visits": identities of the ground truth, which gives people who return a new number: 10 people in
  19 visits.
- "people": visits of the same person merged by eye (`SAME_PERSON`). This is the right measure for a
  matcher that may recognise people who return, that is, one without a topology.
- "live" is the identity at the time of the frame, "revised" the identity at the end.

Without a topology, the matcher learns travel times by default. There are too few people here for
that, so another row learns from four transitions. Neither topology nor homographies say that people
who return count as new, so in "new after 2 s" the matcher forgets whoever is unseen for 2 s
(`match.memory_s`). Only that row can be compared in "visits" with those that know a topology.

The topology says that the views overlap, and that a person unseen for 2 s in both starts a new
visit; DeepSORT bridges gaps of the same length. "ceiling" gives each track the identity of most of
its boxes: the best possible score with these tracks. The next row does so with people: without a
topology the matcher recognises people who return, and this is what that gets in "visits" at best.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from reid_tracker import build_detector, build_encoder, open_source
from reid_tracker.config import (
    Config,
    DeepSortConfig,
    DetectorConfig,
    EncoderConfig,
    MatchConfig,
    load_config,
    parse_override,
    read_yaml,
)
from reid_tracker.encode import encoder_thresholds
from reid_tracker.evaluate.multi_camera import (
    CameraResult,
    IdentityBoxes,
    MultiCameraScores,
    evaluate_multi_camera,
    match_boxes,
)
from reid_tracker.geometry import tlwh_to_xyxy
from reid_tracker.match import (
    CameraGround,
    CrossCameraMatcher,
    GroundPlane,
    Passage,
    Topology,
    final_identities,
)
from reid_tracker.track import Tracker, build_tracker
from reid_tracker.types import Embeddings, Tracks
from tests.benchmarks.mot_cached import SHARED, CachedSequence, Frames, LazyEncoder
from tests.benchmarks.mot_scores import read_mot

FOLDER = SHARED / "multicam" / "PETS09-S2L1"
VIEWS = ("view001", "view006")
FRAME_RATE = 7.0
SAME_PERSON = {1: 19, 14: 15, 18: 15, 8: 15, 5: 9, 2: 13, 3: 11, 4: 12, 6: 10}
UNITS_PER_METRE = 21.2  # of the homographies' plan, by the world coordinates of view 001's truth

TOPOLOGY = Topology(passages=(Passage(between=VIEWS, max_s=2.0, overlap=True),), returning_s=2.0)

Identify = Callable[[str, int, int], int]
"""Identity by view, frame and track; 0 is none."""


@dataclass(frozen=True)
class TrackedFrame:
    """One frame of one view: its number from 1, its tracks and their embeddings."""

    view: str
    number: int
    tracks: Tracks
    embeddings: Embeddings


def tracked_frames(
    models: Config | None = None,
    tracker: DeepSortConfig | None = None,
    lazy: LazyEncoder | None = None,
) -> list[TrackedFrame]:
    """Track both views and return their frames by time, view 001 first.

    Args:
        models: names the detector and the encoder to run; None takes what is cached.
        tracker: its configuration; None takes that of the models, or the default.
        lazy: gives the tracker what it asks for; None gives it all embeddings.
    """
    frames: list[TrackedFrame] = []
    for view in VIEWS:
        found = _cached(view) if models is None else _run(view, models)
        config = tracker or (models or Config()).tracker
        frames += _track(view, found, build_tracker(config), lazy)
    return sorted(frames, key=lambda frame: (frame.number, frame.view))


def _cached(view: str) -> Frames:
    cache = SHARED / "cache" / f"PETS09-S2L1_{view}.npz"
    return CachedSequence(view, cache, FOLDER / f"gt_{view}.txt", FRAME_RATE).frames()


def _run(view: str, models: Config) -> Frames:
    detector, encoder = build_detector(models.detector), build_encoder(models.encoder)
    with open_source(FOLDER / f"{view}.mp4") as source:
        for frame in source:
            detections = detector.detect(frame.image)
            yield frame.index + 1, detections, encoder.encode(frame.image, detections.boxes)


def _track(
    view: str, frames: Frames, tracker: Tracker, lazy: LazyEncoder | None
) -> Iterator[TrackedFrame]:
    for number, detections, embeddings in frames:
        time_s = (number - 1) / FRAME_RATE
        if lazy is None:
            tracks, known = tracker.update(detections, embeddings, time_s), embeddings
        else:
            tracks, known = lazy.update(tracker, detections, embeddings, time_s)
        looks = np.zeros((len(tracks), embeddings.shape[1]), np.float32)
        looks[tracks.observed] = known[tracks.detection_index[tracks.observed]]
        yield TrackedFrame(view, number, tracks, looks)


def ground_plane() -> GroundPlane:
    """Return the homographies of both views."""
    return GroundPlane(
        tuple(
            CameraGround(view, tuple(read_yaml(FOLDER / f"homography_{view[4:]}.yaml")["Matrix"]))
            for view in VIEWS
        ),
        UNITS_PER_METRE,
    )


def truth(people: bool) -> dict[str, IdentityBoxes]:
    """Return the truth of each view, of the identities that both label."""
    rows = {view: read_mot(FOLDER / f"gt_{view}.txt") for view in VIEWS}
    common = np.intersect1d(rows[VIEWS[0]][:, 1], rows[VIEWS[1]][:, 1])
    rows = {view: table[np.isin(table[:, 1], common)] for view, table in rows.items()}
    one = np.arange(100)
    if people:
        one[list(SAME_PERSON)] = list(SAME_PERSON.values())
    return {
        view: IdentityBoxes(
            table[:, 0].astype(np.int64),
            one[table[:, 1].astype(np.int64)],
            tlwh_to_xyxy(table[:, 2:6]),
        )
        for view, table in rows.items()
    }


def match(
    frames: list[TrackedFrame],
    config: MatchConfig,
    topology: Topology | None,
    ground: GroundPlane | None,
) -> tuple[Identify, Identify]:
    """Run the matcher; returns who is who live, and revised."""
    matcher = CrossCameraMatcher(config, topology, ground)
    live: dict[tuple[str, int, int], int] = {}
    for frame in frames:
        time = (frame.number - 1) / FRAME_RATE
        found = matcher.update(frame.view, frame.tracks, frame.embeddings, time)
        for track, identity in zip(found.track_ids.tolist(), found.ids.tolist(), strict=True):
            live[frame.view, frame.number, track] = identity
    matcher.finish()
    final = final_identities(matcher.events())
    return lambda *key: live[key], lambda view, _, track: final.get((view, track), 0)


def score(frames: list[TrackedFrame], identify: Identify, people: bool) -> MultiCameraScores:
    """Score identities as this module's docstring says."""
    true = truth(people)
    return evaluate_multi_camera(
        {
            view: CameraResult(true[view], _boxes(frames, view, identify), view == "view006")
            for view in VIEWS
        }
    )


def _boxes(frames: list[TrackedFrame], view: str, identify: Identify) -> IdentityBoxes:
    numbers, ids, boxes = [], [], [np.empty((0, 4))]
    for frame in frames:
        if frame.view != view:
            continue
        who = np.array([identify(view, frame.number, i) for i in frame.tracks.ids.tolist()])
        # Two tracks of one ideal identity may meet in a frame; only the ceiling has that.
        _, first = np.unique(who, return_index=True)
        kept = first[who[first] > 0] if len(who) else first
        numbers += [frame.number] * len(kept)
        ids += who[kept].tolist()
        boxes.append(frame.tracks.boxes[kept].astype(np.float64))
    return IdentityBoxes(np.array(numbers), np.array(ids), np.concatenate(boxes))


def ceiling(frames: list[TrackedFrame], people: bool) -> Identify:
    """Return the identity that most boxes of each track lie on."""
    true = truth(people)
    votes: dict[tuple[str, int], list[int]] = {}
    for frame in frames:
        here = true[frame.view][true[frame.view].frames == frame.number]
        boxes = frame.tracks.boxes.astype(np.float64)
        rows, columns = match_boxes(here.boxes, boxes, 0.3)
        for row, track in zip(rows, frame.tracks.ids[columns].tolist(), strict=True):
            votes.setdefault((frame.view, track), []).append(int(here.ids[row]))
    best = {key: int(np.bincount(ids).argmax()) for key, ids in votes.items()}
    return lambda view, _, track: best.get((view, track), 0)


def variants(config: MatchConfig) -> dict[str, dict[str, Any]]:
    """Return the rows of the ablation: arguments of `match`."""
    plain = {"config": config, "topology": TOPOLOGY, "ground": None}
    one_mean = {"config": replace(config, prototypes=1)}
    never = {"config": replace(config, revise_every_s=0.0)}
    rows = {
        "all": plain,
        "one mean": {**plain, **one_mean},
        "no topology": {**plain, "topology": None},
        "no topology, learned early": {
            **plain,
            "topology": None,
            "config": replace(config, learn_links=4),
        },
        "no topology, new after 2 s": {
            **plain,
            "topology": None,
            "config": replace(config, memory_s=2.0),
        },
        "no re-clustering": {**plain, **never},
        "one mean, no topology": {**plain, **one_mean, "topology": None},
    }
    floor = {"ground": ground_plane()}
    return rows | {f"floor: {name}": {**row, **floor} for name, row in rows.items()}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Score identities over two cameras.")
    parser.add_argument("--rows", nargs="*", help="only these")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--detector", metavar="MODEL", help="run it; needs --encoder")
    parser.add_argument("--encoder", metavar="MODEL", help="run it; needs --detector")
    arguments = parser.parse_args()
    if (arguments.detector is None) != (arguments.encoder is None):
        parser.error("--detector and --encoder go together")
    config = load_config(None, dict(map(parse_override, arguments.set)), kind=MatchConfig)
    models = None
    if arguments.encoder is not None:
        detector, encoder = DetectorConfig(arguments.detector), EncoderConfig(arguments.encoder)
        models = Config(detector=detector, encoder=encoder, match=config)
        models = models.suited_to(encoder_thresholds(encoder))
        config = models.match
    frames = tracked_frames(models)
    print(
        f"{'':30}{'visits: live IDF1':>18}{'IDF1':>8}{'IDP':>8}{'IDR':>8}{'HOTA':>8}"
        f"{'people: live IDF1':>20}{'IDF1':>8}"
    )
    for name, options in variants(config).items():
        if not arguments.rows or name in arguments.rows:
            print(line(name, frames, *match(frames, **options)), flush=True)
    best = [score(frames, ceiling(frames, people), people).idf1 for people in (False, True)]
    print(f"{'ceiling':30}{'':18}{best[0]:8.3f}{'':44}{best[1]:8.3f}")
    returned = score(frames, ceiling(frames, people=True), people=False).idf1
    print(f"{'ceiling, returning recognised':30}{'':18}{returned:8.3f}{'':44}{best[1]:8.3f}")


def line(name: str, frames: list[TrackedFrame], live: Identify, revised: Identify) -> str:
    """Format one row of the table."""
    visits, people = (score(frames, revised, people) for people in (False, True))
    return (
        f"{name:30}{score(frames, live, people=False).idf1:18.3f}{visits.idf1:8.3f}"
        f"{visits.idp:8.3f}{visits.idr:8.3f}{visits.hota:8.3f}"
        f"{score(frames, live, people=True).idf1:20.3f}{people.idf1:8.3f}"
    )


if __name__ == "__main__":
    main()
