"""Score the tracker's presets, and the default preset with one option changed at a time.

    python -m tests.benchmarks.tracker_options [--seeds 2] [--first-seed 0] [--only NAME ...]
        [--worlds NAME ...]

Each row has HOTA / IDF1 / id switches on the two cached sequences and on the worlds with exact
truth of `tests/track/worlds.py`, the mean of several seeds. A second table has the ids and people
of each seed, and all id switches. Each finished column goes to stderr.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable

import numpy as np

from reid_tracker.geometry import xyxy_to_tlwh
from reid_tracker.track import build_tracker
from tests.benchmarks.mot_cached import SEQUENCES, CachedSequence, track
from tests.benchmarks.mot_scores import Rows, read_mot, score
from tests.track.worlds import WORLDS, Step, World

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
    "coast_s": {"coast_s": 0.034},
    "gate_probability": {"gate_probability": 0.99},
    "high_confidence": {"high_confidence": 0.3},
    "std_weight_measurement": {"std_weight_measurement": 0.05},
    "max_age_s": {"max_age_s": 1.0},
    "recover_s": {"recover_s": 0.0},
    "steady_size": {"steady_size": False},
    "nn_budget": {"nn_budget": 40},
    "n_init": {"n_init": 1},
    "max_iou_distance": {"max_iou_distance": 0.7},
    "motion_weight": {"motion_weight": 0.0},
}
"""How each option is switched off, or set as DeepSORT has it."""


def tracked(steps: Iterable[Step], preset: str, options: Options) -> tuple[Rows, Rows]:
    """Return the truth of a world and what the tracker reports, as MOT rows."""
    tracker = build_tracker(preset, **options)
    truth: list[Rows] = []
    result: list[Rows] = [np.empty((0, 7))]
    for number, step in enumerate(steps, start=1):
        tracks = tracker.update(step.detections, step.embeddings, step.time_s, step.picture)
        frame, ones = np.full(len(step.people), number), np.ones(len(step.people))
        truth.append(np.column_stack([frame, step.people, xyxy_to_tlwh(step.boxes), ones]))
        frame = np.full(len(tracks), number)
        result.append(
            np.column_stack([frame, tracks.ids, xyxy_to_tlwh(tracks.boxes), tracks.scores])
        )
    return np.concatenate(truth), np.concatenate(result)


def column_of_sequence(
    sequence: CachedSequence, rows: dict[str, tuple[str, Options]]
) -> dict[str, list[dict[str, float]]]:
    """Return the scores of each row on a cached sequence."""
    truth = read_mot(sequence.truth)
    return {
        name: [score(truth, track(sequence, build_tracker(preset, **options)))]
        for name, (preset, options) in rows.items()
    }


def column_of_world(
    world: World, seeds: range, rows: dict[str, tuple[str, Options]]
) -> dict[str, list[dict[str, float]]]:
    """Return the scores of each row on a world, one a seed."""
    scores: dict[str, list[dict[str, float]]] = {name: [] for name in rows}
    for seed in seeds:
        steps = list(world.play(seed))
        for name, (preset, options) in rows.items():
            truth, result = tracked(steps, preset, options)
            ids, people = (len(np.unique(rows[:, 1])) for rows in (result, truth))
            scores[name].append({**score(truth, result), "ids": ids, "people": people})
    return scores


def cell(scores: list[dict[str, float]]) -> str:
    """Return the means as HOTA / IDF1 / id switches."""
    hota, idf1, switches = (
        float(np.mean([one[key] for one in scores])) for key in ("HOTA", "IDF1", "IDSW")
    )
    return f"{hota:.1f} / {idf1:.1f} / {switches:.0f}"


def ids_of_people(scores: list[dict[str, float]]) -> str:
    """Return the numbers of ids and people of each seed, and the id switches of all."""
    ids = ", ".join(f"{one['ids']:.0f} of {one['people']:.0f}" for one in scores)
    return f"{ids}; {sum(one['IDSW'] for one in scores):.0f}"


def _report(name: str, columns: dict[str, dict[str, list[dict[str, float]]]]) -> None:
    """Print a finished column to stderr."""
    print(name, {row: cell(scores) for row, scores in columns[name].items()}, file=sys.stderr)


def main() -> None:
    """Print the table in Markdown, column by column to stderr while it is made."""
    parser = argparse.ArgumentParser(description="Score options of the tracker one by one.")
    parser.add_argument("--seeds", type=int, default=2, help="of each world")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", default=None, help="rows to print")
    parser.add_argument("--worlds", nargs="*", default=list(WORLDS), choices=list(WORLDS))
    arguments = parser.parse_args()
    rows: dict[str, tuple[str, Options]] = {
        name: (name, {}) for name in ("default", "fast", "deepsort")
    }
    rows |= {f"default without {name}": ("default", options) for name, options in OFF.items()}
    if arguments.only:
        names = {*arguments.only, *(f"default without {name}" for name in arguments.only)}
        rows = {name: row for name, row in rows.items() if name in names}
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    columns: dict[str, dict[str, list[dict[str, float]]]] = {}
    for sequence in SEQUENCES:
        columns[sequence.name] = column_of_sequence(sequence, rows)
        _report(sequence.name, columns)
    for name in arguments.worlds:
        columns[name] = column_of_world(WORLDS[name], seeds, rows)
        _report(name, columns)
    print(f"| | {' | '.join(columns)} |\n|---|{'--:|' * len(columns)}")
    for name in rows:
        print(f"| {name} | {' | '.join(cell(column[name]) for column in columns.values())} |")
    print(f"\n| ids of people; id switches | {' | '.join(rows)} |\n|---|{'---|' * len(rows)}")
    for world in arguments.worlds:
        cells = (ids_of_people(columns[world][name]) for name in rows)
        print(f"| {world} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
