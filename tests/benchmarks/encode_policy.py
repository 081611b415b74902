"""What it costs to encode fewer detections: scores of each policy on the cached sequences.

    python -m tests.benchmarks.encode_policy [--policies always auto every:2 ...] [--worlds SEEDS]

Each row has the part of the usable detections that the tracker asked for, and HOTA and IDF1. The
table of one camera has PETS09-S2L1 and TUD-Campus, live and refined; that of two cameras the
identities of `tests.benchmarks.multi_camera`, at the end: visits with a topology and without
positions ("all") and with them ("floor: all"), and people without a topology. `--worlds` adds the
made-up worlds of `tests/track/worlds.py`, the mean of so many seeds.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable

import numpy as np

from reid_tracker.config import DeepSortConfig, MatchConfig
from reid_tracker.geometry import xyxy_to_tlwh
from reid_tracker.track import build_tracker
from tests.benchmarks.mot_cached import SEQUENCES, LazyEncoder, track, track_refined
from tests.benchmarks.mot_scores import read_mot
from tests.benchmarks.mot_scores import score as score_mot
from tests.benchmarks.multi_camera import match, score, tracked_frames, variants
from tests.track.worlds import WORLDS, Step


def one_camera(config: DeepSortConfig) -> list[str]:
    """Return the cells of a policy on the cached sequences."""
    cells = []
    for sequence in SEQUENCES:
        lazy = LazyEncoder()
        truth = read_mot(sequence.truth)
        live = score_mot(truth, track(sequence, build_tracker(config), lazy=lazy))
        refined = score_mot(truth, track_refined(sequence, config, lazy=LazyEncoder()))
        cells += [_share(lazy), _scores([live]), _scores([refined])]
    return cells


def two_cameras(config: DeepSortConfig) -> list[str]:
    """Return the cells of a policy on both views of PETS09-S2L1."""
    lazy = LazyEncoder()
    frames = tracked_frames(tracker=config, lazy=lazy)
    rows = variants(MatchConfig())
    cells = [_share(lazy)]
    for name, people in (("all", False), ("floor: all", False), ("no topology", True)):
        _, revised = match(frames, **rows[name])
        found = score(frames, revised, people)
        cells.append(f"{100 * found.hota:.1f} / {100 * found.idf1:.1f}")
    return cells


def world(steps: Iterable[Step], config: DeepSortConfig, lazy: LazyEncoder) -> dict[str, float]:
    """Return the scores of a policy in a made-up world."""
    tracker = build_tracker(config)
    truth: list[np.ndarray] = []
    result = [np.empty((0, 7))]
    for number, step in enumerate(steps, start=1):
        tracks, _ = lazy.update(
            tracker, step.detections, step.embeddings, step.time_s, step.picture
        )
        frame, ones = np.full(len(step.people), number), np.ones(len(step.people))
        truth.append(np.column_stack([frame, step.people, xyxy_to_tlwh(step.boxes), ones]))
        frame = np.full(len(tracks), number)
        result.append(
            np.column_stack([frame, tracks.ids, xyxy_to_tlwh(tracks.boxes), tracks.scores])
        )
    return score_mot(np.concatenate(truth), np.concatenate(result))


def _share(lazy: LazyEncoder) -> str:
    return f"{100 * lazy.encoded / lazy.usable:.0f} %"


def _scores(scores: list[dict[str, float]]) -> str:
    hota, idf1 = (float(np.mean([one[key] for one in scores])) for key in ("HOTA", "IDF1"))
    return f"{hota:.1f} / {idf1:.1f}"


def _print(title: str, columns: list[str], rows: dict[str, list[str]]) -> None:
    print(f"\n| {title} | {' | '.join(columns)} |\n|---|{'--:|' * len(columns)}")
    for name, cells in rows.items():
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Print the tables in Markdown."""
    parser = argparse.ArgumentParser(description="Score the policies of encoding.")
    parser.add_argument("--policies", nargs="*", default=["always", "auto", "every:2"])
    parser.add_argument("--worlds", type=int, default=0, metavar="SEEDS")
    arguments = parser.parse_args()
    configs = {name: DeepSortConfig(encode=name) for name in arguments.policies}
    columns = [f"{one.name} {what}" for one in SEQUENCES for what in ("encoded", "live", "refined")]
    _print("one camera", columns, {name: one_camera(one) for name, one in configs.items()})
    columns = ["encoded", "visits: all", "visits: floor: all", "people: no topology"]
    _print("two cameras", columns, {name: two_cameras(one) for name, one in configs.items()})
    if not arguments.worlds:
        return
    table: dict[str, list[str]] = {name: [] for name in configs}
    for played in WORLDS.values():
        scores: dict[str, list[dict[str, float]]] = {name: [] for name in configs}
        lazies = {name: LazyEncoder() for name in configs}
        for seed in range(arguments.worlds):
            steps = list(played.play(seed))
            for name, config in configs.items():
                scores[name].append(world(steps, config, lazies[name]))
        for name in configs:
            table[name].append(f"{_share(lazies[name])}, {_scores(scores[name])}")
    _print("made-up worlds", list(WORLDS), table)


if __name__ == "__main__":
    main()
