"""Scores: equal to trackeval's own reader, rules and metrics, and to counting by hand."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reid_tracker.errors import InputError, MissingDependencyError
from reid_tracker.evaluate.mot import (
    Benchmark,
    MotReport,
    MotScores,
    ScoredFrames,
    benchmark_of,
    evaluate_mot,
    find_sequences,
    follow,
    read_result,
    read_truth,
    scored_frames,
)
from tests.benchmarks.mot_cached import SEQUENCES, SHARED, CachedSequence, track
from tests.evaluate.mot.worlds import write_sequence

_NAMES = {
    "hota": ("HOTA", "HOTA"),
    "det_a": ("HOTA", "DetA"),
    "ass_a": ("HOTA", "AssA"),
    "loc_a": ("HOTA", "LocA"),
    "det_re": ("HOTA", "DetRe"),
    "det_pr": ("HOTA", "DetPr"),
    "ass_re": ("HOTA", "AssRe"),
    "ass_pr": ("HOTA", "AssPr"),
    "mota": ("CLEAR", "MOTA"),
    "motp": ("CLEAR", "MOTP"),
    "idf1": ("Identity", "IDF1"),
    "idp": ("Identity", "IDP"),
    "idr": ("Identity", "IDR"),
    "switches": ("CLEAR", "IDSW"),
    "fragments": ("CLEAR", "Frag"),
    "mostly_tracked": ("CLEAR", "MT"),
    "partly_tracked": ("CLEAR", "PT"),
    "mostly_lost": ("CLEAR", "ML"),
    "false_positives": ("CLEAR", "CLR_FP"),
    "missed": ("CLEAR", "CLR_FN"),
    "true_boxes": ("Count", "GT_Dets"),
    "found_boxes": ("Count", "Dets"),
    "found_ids": ("Count", "IDs"),
    "hota_by_iou": ("HOTA", "HOTA"),
    "det_a_by_iou": ("HOTA", "DetA"),
    "ass_a_by_iou": ("HOTA", "AssA"),
}


def framed(folder: Path, benchmark: Benchmark) -> dict[str, ScoredFrames]:
    """Compare the sequences of a folder that `write_sequence` filled."""
    results = folder / "results" / "t" / "data"
    return {
        one.name: scored_frames(
            read_truth(one.truth, one.length),
            read_result(results / f"{one.name}.txt", one.length),
            benchmark,
        )
        for one in find_sequences([folder / "gt"])
    }


def ours(folder: Path, benchmark: Benchmark) -> MotReport:
    """Score the sequences of such a folder."""
    return evaluate_mot(framed(folder, benchmark))


def theirs(folder: Path, benchmark: str) -> dict[str, dict[str, Any]]:
    """Score the same folder with trackeval alone: its reader, rules, metrics and combination."""
    from trackeval.datasets import MotChallenge2DBox
    from trackeval.eval import eval_sequence
    from trackeval.metrics import CLEAR, HOTA, Count, Identity

    metrics = [HOTA(), CLEAR({"PRINT_CONFIG": False}), Identity({"PRINT_CONFIG": False}), Count()]
    names = [metric.get_name() for metric in metrics]
    sequences = sorted(path.name for path in (folder / "gt").iterdir())
    dataset = MotChallenge2DBox(
        {
            "GT_FOLDER": str(folder / "gt"),
            "TRACKERS_FOLDER": str(folder / "results"),
            "TRACKERS_TO_EVAL": ["t"],
            "BENCHMARK": benchmark,
            "SEQ_INFO": dict.fromkeys(sequences),
            "SKIP_SPLIT_FOL": True,
            "PRINT_CONFIG": False,
        }
    )
    found = {
        name: eval_sequence(name, dataset, "t", ["pedestrian"], metrics, names)["pedestrian"]
        for name in sequences
    }
    found["COMBINED"] = {
        metric.get_name(): metric.combine_sequences(
            {name: found[name][metric.get_name()] for name in sequences}
        )
        for metric in metrics
    }
    return found


def assert_equal(scores: MotScores, expected: dict[str, Any]) -> None:
    for name, (metric, field) in _NAMES.items():
        value = np.asarray(getattr(scores, name))
        other = np.asarray(expected[metric][field])
        assert value == pytest.approx(other if value.ndim else other.mean(), abs=1e-6), name


def assert_as_trackeval(folder: Path, benchmark: Benchmark) -> MotReport:
    report, expected = ours(folder, benchmark), theirs(folder, benchmark)
    assert set(expected) == {*report.sequences, "COMBINED"}
    for name, scores in report.sequences.items():
        assert_equal(scores, expected[name])
    assert_equal(report.combined, expected["COMBINED"])
    return report


@pytest.mark.parametrize("benchmark", ["MOT15", "MOT16", "MOT17", "MOT20"])
def test_scores_are_those_of_trackeval(tmp_path: Path, benchmark: Benchmark) -> None:
    pytest.importorskip("trackeval")
    for seed, name in enumerate(("one", "two", "three")):
        write_sequence(tmp_path, name, seed, classes=benchmark != "MOT15")
    report = assert_as_trackeval(tmp_path, benchmark)
    assert 0.2 < report.combined.hota < 0.95
    assert report.combined.switches > 0
    assert report.combined.fragments > 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_scores_are_those_of_trackeval_in_many_worlds(tmp_path: Path, seed: int) -> None:
    pytest.importorskip("trackeval")
    benchmark: Benchmark = ("MOT15", "MOT17", "MOT20")[seed % 3]
    for number, name in enumerate(("one", "two")):
        write_sequence(
            tmp_path, name, 100 + 7 * seed + number, length=60, classes=benchmark != "MOT15"
        )
    assert_as_trackeval(tmp_path, benchmark)


def test_distractors_count_by_the_rules_of_the_benchmark(tmp_path: Path) -> None:
    pytest.importorskip("trackeval")
    write_sequence(tmp_path, "one", 3)
    boxes = {rules: ours(tmp_path, rules).combined.found_boxes for rules in ("MOT17", "MOT20")}
    assert boxes["MOT20"] < boxes["MOT17"] < ours(tmp_path, "MOT15").combined.found_boxes


def test_results_without_boxes_and_truths_without_people(tmp_path: Path) -> None:
    pytest.importorskip("trackeval")
    for number, name in enumerate(("full", "nobody_found", "nobody_there")):
        write_sequence(tmp_path, name, number)
    (tmp_path / "results" / "t" / "data" / "nobody_found.txt").write_text("")
    truth = tmp_path / "gt" / "nobody_there" / "gt" / "gt.txt"
    truth.write_text("1,1,0,0,9,9,0,1,1\n2,1,0,0,9,9,0,1,1\n")
    report = assert_as_trackeval(tmp_path, "MOT17")
    assert report.sequences["nobody_found"].found_boxes == 0
    assert report.sequences["nobody_found"].hota == 0
    assert report.sequences["nobody_there"].true_boxes == 0
    assert report.combined.hota > 0


VIEW006 = CachedSequence(
    "view006",
    SHARED / "cache" / "PETS09-S2L1_view006.npz",
    SHARED / "multicam" / "PETS09-S2L1" / "gt_view006.txt",
    7.0,
)


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize(
    ("sequence", "benchmark"),
    [*((one, "MOT15") for one in SEQUENCES), (VIEW006, "MOT17")],
    ids=lambda one: getattr(one, "name", None),
)
def test_real_tracks_score_as_in_trackeval(
    tmp_path: Path, sequence: CachedSequence, benchmark: Benchmark
) -> None:
    pytest.importorskip("trackeval")
    if not sequence.cache.exists():
        pytest.skip(f"{sequence.cache} is missing")
    from reid_tracker.track import build_tracker

    rows = track(sequence, build_tracker())
    result = tmp_path / "results" / "t" / "data" / f"{sequence.name}.txt"
    truth = tmp_path / "gt" / sequence.name / "gt" / "gt.txt"
    for folder in (result.parent, truth.parent):
        folder.mkdir(parents=True)
    np.savetxt(result, rows[:, :7], fmt=["%d", "%d", *["%.2f"] * 5], delimiter=",")
    truth.write_text(sequence.truth.read_text())
    frames = int(max(rows[:, 0].max(), read_truth(truth).boxes.frames.max()))
    (truth.parents[1] / "seqinfo.ini").write_text(f"[Sequence]\nseqLength={frames}\n")
    assert benchmark_of(sequence.name, read_truth(truth)) == benchmark
    report = assert_as_trackeval(tmp_path, benchmark)
    assert report.combined.hota > 0.2


def mota_and_idf1_by_hand(frames: ScoredFrames) -> tuple[float, float]:
    """Count MOTA from the stretches of each person, and try every mapping of ids for IDF1."""
    people = follow(frames)
    true = sum(map(len, frames.true_ids))
    found = sum(map(len, frames.found_ids))
    agree: dict[tuple[int, int], int] = {}
    best_matches = 0
    for persons, ids, overlap in zip(
        frames.true_ids, frames.found_ids, frames.overlaps, strict=True
    ):
        for row, column in np.argwhere(overlap >= 0.5).tolist():
            pair = int(persons[row]), int(ids[column])
            agree[pair] = agree.get(pair, 0) + 1
        best_matches += most_pairs(overlap >= 0.5)
    true_ids = sorted({pair[0] for pair in agree})
    padded = [*{pair[1] for pair in agree}, *[-1] * len(true_ids)]
    identity = max(
        sum(agree.get(pair, 0) for pair in zip(true_ids, order, strict=True))
        for order in itertools.permutations(padded, len(true_ids))
    )
    switches = sum(len(one.switches) for one in people)
    return (2 * best_matches - found - switches) / true, 2 * identity / (true + found)


def most_pairs(allowed: Any) -> int:
    """Return how many rows and columns can be paired, by trying every column for each row."""
    if not len(allowed):
        return 0
    rest = most_pairs(allowed[1:])
    for column in np.flatnonzero(allowed[0]):
        left = allowed[1:].copy()
        left[:, column] = False
        rest = max(rest, 1 + most_pairs(left))
    return rest


@pytest.mark.parametrize("seed", range(15))
def test_mota_and_idf1_agree_with_counting_by_hand(seed: int) -> None:
    pytest.importorskip("trackeval")
    rng = np.random.default_rng(seed)
    numbers = np.arange(1, 6)
    frames = ScoredFrames(
        numbers,
        [rng.choice(3, rng.integers(1, 4), replace=False) for _ in numbers],
        [2**40 + rng.choice(3, rng.integers(1, 4), replace=False) for _ in numbers],
        [],
    )
    for persons, ids in zip(frames.true_ids, frames.found_ids, strict=True):
        # A box overlaps at most one other by half, as boxes of people do.
        overlap = np.zeros((len(persons), len(ids)))
        for row, column in zip(rng.permutation(len(persons)), range(len(ids)), strict=False):
            overlap[row, column] = rng.uniform(0.2, 1)
        frames.overlaps.append(overlap)
    scores = evaluate_mot({"one": frames}).combined
    assert (scores.mota, scores.idf1) == pytest.approx(mota_and_idf1_by_hand(frames))


def test_sequences_may_come_one_by_one(tmp_path: Path) -> None:
    pytest.importorskip("trackeval")
    for seed, name in enumerate(("one", "two")):
        write_sequence(tmp_path, name, seed)
    report = ours(tmp_path, "MOT17")
    pairs = iter(framed(tmp_path, "MOT17").items())
    assert evaluate_mot(pairs) == report
    assert list(report.sequences) == ["one", "two"]


def test_ids_take_memory_by_their_number_not_by_their_size() -> None:
    pytest.importorskip("trackeval")
    large = np.array([2**53, -5, 2**31 + 1])
    frames = ScoredFrames(np.array([2**50]), [large], [large[::-1]], [np.eye(3)[::-1]])
    assert evaluate_mot({"one": frames}).combined.idf1 == 1
    many = ScoredFrames(np.array([1]), [np.arange(3)], [np.arange(10**6)], [np.zeros((3, 10**6))])
    with pytest.raises(InputError, match="3 true and 1000000 found ids need 29803 GiB"):
        evaluate_mot({"one": many})


def test_without_trackeval_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trackeval.metrics", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'reid-tracker\[eval\]'"):
        evaluate_mot({})
