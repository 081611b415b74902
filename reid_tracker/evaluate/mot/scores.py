"""Scores of tracks: HOTA, CLEAR MOT and identity scores, as trackeval computes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from reid_tracker.evaluate.engine import load_metrics, metric_data
from reid_tracker.evaluate.mot.preprocessing import ScoredFrames

Raw = Mapping[str, Any]


@dataclass(frozen=True)
class MotScores:
    """Scores of one sequence, or of several together; all except counts are in [0, 1].

    MOTA can be negative.

    Attributes:
        hota: higher order tracking accuracy (arXiv 2009.07736). This and the next seven are means
            over the IoU thresholds from 0.05 to 0.95.
        det_a: detection accuracy.
        ass_a: association accuracy.
        loc_a: localisation accuracy, the mean IoU of matches.
        det_re: detection recall.
        det_pr: detection precision.
        ass_re: association recall.
        ass_pr: association precision.
        mota: multiple object tracking accuracy (CLEAR MOT); this and all below at IoU 0.5.
        motp: mean IoU of matches.
        idf1: identity F1 (arXiv 1609.01775).
        idp: identity precision.
        idr: identity recall.
        switches: how often a person was followed by another id than before (IDSW).
        fragments: how often a person was followed again after a break (Frag).
        mostly_tracked: people who were followed for more than 80 % of their time (MT).
        partly_tracked: the people between (PT).
        mostly_lost: people who were followed for less than 20 % of their time (ML).
        false_positives: found boxes without a true one (FP).
        missed: true boxes without a found one (FN).
        true_boxes: number of true boxes.
        found_boxes: number of found boxes.
        found_ids: number of ids in the result.
        hota_by_iou: HOTA at each threshold.
        det_a_by_iou: DetA at each threshold.
        ass_a_by_iou: AssA at each threshold.
    """

    hota: float
    det_a: float
    ass_a: float
    loc_a: float
    det_re: float
    det_pr: float
    ass_re: float
    ass_pr: float
    mota: float
    motp: float
    idf1: float
    idp: float
    idr: float
    switches: int
    fragments: int
    mostly_tracked: int
    partly_tracked: int
    mostly_lost: int
    false_positives: int
    missed: int
    true_boxes: int
    found_boxes: int
    found_ids: int
    hota_by_iou: tuple[float, ...]
    det_a_by_iou: tuple[float, ...]
    ass_a_by_iou: tuple[float, ...]


@dataclass(frozen=True)
class MotReport:
    """Scores of each sequence by name, and of all together."""

    sequences: dict[str, MotScores]
    combined: MotScores


THRESHOLDS = tuple(float(x) for x in np.arange(0.05, 0.99, 0.05))
"""The IoU thresholds over which HOTA is averaged."""


def evaluate_mot(
    sequences: Mapping[str, ScoredFrames] | Iterable[tuple[str, ScoredFrames]],
) -> MotReport:
    """Score sequences.

    Args:
        sequences: at least one, by name; an iterator of pairs is read one by one to save memory.

    Raises:
        MissingDependencyError: trackeval is not installed.
        InputError: there are too many ids to be scored.
    """
    metrics = load_metrics()
    hota: dict[str, Raw] = {}
    clear: dict[str, Raw] = {}
    identity: dict[str, Raw] = {}
    found: dict[str, int] = {}
    for name, frames in sequences.items() if isinstance(sequences, Mapping) else sequences:
        data = metric_data(frames.true_ids, frames.found_ids, frames.overlaps)
        hota[name] = metrics.hota.eval_sequence(data)
        clear[name] = metrics.clear.eval_sequence(data)
        identity[name] = metrics.identity.eval_sequence(data)
        found[name] = data["num_tracker_ids"]
    combined = _scores(
        metrics.hota.combine_sequences(hota),
        metrics.clear.combine_sequences(clear),
        metrics.identity.combine_sequences(identity),
        sum(found.values()),
    )
    return MotReport(
        {name: _scores(hota[name], clear[name], identity[name], found[name]) for name in found},
        combined,
    )


def _scores(hota: Raw, clear: Raw, identity: Raw, found_ids: int) -> MotScores:
    return MotScores(
        hota=float(np.mean(hota["HOTA"])),
        det_a=float(np.mean(hota["DetA"])),
        ass_a=float(np.mean(hota["AssA"])),
        loc_a=float(np.mean(hota["LocA"])),
        det_re=float(np.mean(hota["DetRe"])),
        det_pr=float(np.mean(hota["DetPr"])),
        ass_re=float(np.mean(hota["AssRe"])),
        ass_pr=float(np.mean(hota["AssPr"])),
        mota=float(clear["MOTA"]),
        motp=float(clear["MOTP"]),
        idf1=float(identity["IDF1"]),
        idp=float(identity["IDP"]),
        idr=float(identity["IDR"]),
        switches=int(clear["IDSW"]),
        fragments=int(clear["Frag"]),
        mostly_tracked=int(clear["MT"]),
        partly_tracked=int(clear["PT"]),
        mostly_lost=int(clear["ML"]),
        false_positives=int(clear["CLR_FP"]),
        missed=int(clear["CLR_FN"]),
        true_boxes=int(clear["CLR_TP"] + clear["CLR_FN"]),
        found_boxes=int(clear["CLR_TP"] + clear["CLR_FP"]),
        found_ids=found_ids,
        hota_by_iou=tuple(np.asarray(hota["HOTA"], np.float64).tolist()),
        det_a_by_iou=tuple(np.asarray(hota["DetA"], np.float64).tolist()),
        ass_a_by_iou=tuple(np.asarray(hota["AssA"], np.float64).tolist()),
    )
