"""Score the tracker's presets, and the default preset with one option changed at a time.

    python -m tests.benchmarks.tracker_options [--seeds 3] [--only NAME ...]

Each row has HOTA / IDF1 / id switches on the two cached sequences and on the worlds with exact
truth of `tests/track/worlds.py`, the mean of several seeds.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial

import numpy as np

from reid_tracker.geometry import xyxy_to_tlwh
from reid_tracker.track import build_tracker
from tests.benchmarks.mot_cached import SEQUENCES, CachedSequence, track
from tests.benchmarks.mot_scores import Rows, read_mot, score
from tests.track.worlds import WORLDS, World

Options = dict[str, float]

OFF: dict[str, Options] = {
    "cascade": {"cascade": True},
    "gate_overlap": {"gate_overlap": False},
    "camera_motion": {"camera_motion": False},
    "confirm_first": {"confirm_first": False},
    "whole_below": {"whole_below": 0.0},
    "hidden_s": {"hidden_s": 0.0},
    "matched_weight": {"matched_weight": 0.0},
    "duplicate_cover": {"duplicate_cover": 1.0},
    "exit_s": {"exit_s": 1e9},
    "std_weight_measurement": {"std_weight_measurement": 0.05},
    "max_age_s": {"max_age_s": 1.0},
    "recover_s": {"recover_s": 0.0},
    "steady_size": {"steady_size": False},
    "nn_budget": {"nn_budget": 20},
    "n_init": {"n_init": 1},
    "max_iou_distance": {"max_iou_distance": 0.7},
    "motion_weight": {"motion_weight": 0.0},
}
"""How each option is switched off, or set as DeepSORT has it."""


def tracked(world: World, seed: int, preset: str, options: Options) -> tuple[Rows, Rows]:
    """Return the truth of a world and what the tracker reports, as MOT rows."""
    tracker = build_tracker(preset, **options)
    truth: list[Rows] = []
    result: list[Rows] = [np.empty((0, 7))]
    for number, step in enumerate(world.play(seed), start=1):
        tracks = tracker.update(step.detections, step.embeddings, step.time_s, step.picture)
        frame, ones = np.full(len(step.people), number), np.ones(len(step.people))
        truth.append(np.column_stack([frame, step.people, xyxy_to_tlwh(step.boxes), ones]))
        frame = np.full(len(tracks), number)
        result.append(
            np.column_stack([frame, tracks.ids, xyxy_to_tlwh(tracks.boxes), tracks.scores])
        )
    return np.concatenate(truth), np.concatenate(result)


def scorers(seeds: int) -> dict[str, Callable[[str, Options], list[dict[str, float]]]]:
    """Return what gives the scores of each column."""
    columns: dict[str, Callable[[str, Options], list[dict[str, float]]]] = {}
    for sequence in SEQUENCES:
        columns[sequence.name] = partial(_of_sequence, sequence)
    for name, world in WORLDS.items():
        columns[name] = partial(_of_world, world, seeds)
    return columns


def _of_sequence(sequence: CachedSequence, preset: str, options: Options) -> list[dict[str, float]]:
    result = track(sequence, build_tracker(preset, **options))
    return [score(read_mot(sequence.truth), result)]


def _of_world(world: World, seeds: int, preset: str, options: Options) -> list[dict[str, float]]:
    return [score(*tracked(world, seed, preset, options)) for seed in range(seeds)]


def main() -> None:
    """Print the table in Markdown, row by row."""
    parser = argparse.ArgumentParser(description="Score options of the tracker one by one.")
    parser.add_argument("--seeds", type=int, default=3, help="of each world")
    parser.add_argument("--only", nargs="*", default=None, help="rows to print")
    arguments = parser.parse_args()
    rows: dict[str, tuple[str, Options]] = {
        name: (name, {}) for name in ("default", "fast", "deepsort")
    }
    rows |= {f"default without {name}": ("default", options) for name, options in OFF.items()}
    columns = scorers(arguments.seeds)
    print(f"| | {' | '.join(columns)} |\n|---|{'--:|' * len(columns)}")
    for name, (preset, options) in rows.items():
        if arguments.only and not any(word in name for word in arguments.only):
            continue
        cells = []
        for scores in columns.values():
            found = scores(preset, options)
            hota, idf1, switches = (
                float(np.mean([one[key] for one in found])) for key in ("HOTA", "IDF1", "IDSW")
            )
            cells.append(f"{hota:.1f} / {idf1:.1f} / {switches:.0f}")
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
