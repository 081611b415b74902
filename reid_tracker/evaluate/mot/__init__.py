"""Scores of tracks within one camera, by the rules of MOTChallenge.

(sequence,) = find_sequences([Path("MOT17/train/MOT17-02-FRCNN")])
truth = read_truth(sequence.truth, sequence.length)
found = read_result(Path("results/MOT17-02-FRCNN.txt"), sequence.length)
frames = scored_frames(truth, found, benchmark_of(sequence.name, truth))
print(evaluate_mot({sequence.name: frames}).combined.hota)
"""

from reid_tracker.evaluate.mot.following import Following, Stretch, Switch, follow
from reid_tracker.evaluate.mot.preprocessing import (
    BENCHMARKS,
    Benchmark,
    ScoredFrames,
    benchmark_of,
    scored_frames,
)
from reid_tracker.evaluate.mot.scores import THRESHOLDS, MotReport, MotScores, evaluate_mot
from reid_tracker.evaluate.mot.sequences import (
    MotSequence,
    find_results,
    find_sequences,
    is_truth,
)
from reid_tracker.evaluate.mot.text import TrueBoxes, read_result, read_truth

__all__ = [
    "BENCHMARKS",
    "THRESHOLDS",
    "Benchmark",
    "Following",
    "MotReport",
    "MotScores",
    "MotSequence",
    "ScoredFrames",
    "Stretch",
    "Switch",
    "TrueBoxes",
    "benchmark_of",
    "evaluate_mot",
    "find_results",
    "find_sequences",
    "follow",
    "is_truth",
    "read_result",
    "read_truth",
    "scored_frames",
]
