"""Scores over several cameras: against counting by hand, and what matched-only leaves out."""

from __future__ import annotations

import itertools
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reid_tracker.errors import InputError, MissingDependencyError
from reid_tracker.evaluate.multi_camera import (
    CameraResult,
    IdentityBoxes,
    evaluate_multi_camera,
    match_boxes,
)

some = settings(max_examples=25, deadline=None, derandomize=True)

PLACES = np.array([[60.0 * k, 0, 60.0 * k + 40, 100] for k in range(6)])


def seen(rows: list[tuple[int, int, int]]) -> IdentityBoxes:
    """Boxes from frame, identity and place."""
    frames, ids, places = np.array(rows, np.int64).reshape(-1, 3).T
    return IdentityBoxes(frames, ids, PLACES[places])


def idf1_by_hand(cameras: dict[str, CameraResult]) -> float:
    """Try every mapping of found to true identities and count boxes that agree."""
    agree: dict[tuple[int, int], int] = {}
    true_ids, found_ids, boxes = set(), set(), 0
    for item in cameras.values():
        true_ids |= set(item.truth.ids.tolist())
        found_ids |= set(item.result.ids.tolist())
        boxes += len(item.truth.ids) + len(item.result.ids)
        for a, b in itertools.product(range(len(item.truth.ids)), range(len(item.result.ids))):
            same_frame = item.truth.frames[a] == item.result.frames[b]
            if same_frame and (item.truth.boxes[a] == item.result.boxes[b]).all():
                key = int(item.truth.ids[a]), int(item.result.ids[b])
                agree[key] = agree.get(key, 0) + 1
    padded = [*found_ids, *[-1] * len(true_ids)]
    best = max(
        sum(agree.get(pair, 0) for pair in zip(sorted(true_ids), order, strict=False))
        for order in itertools.permutations(padded, len(true_ids))
    )
    return 2 * best / boxes


@st.composite
def camera_pairs(draw: st.DrawFn) -> dict[str, CameraResult]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))

    def boxes() -> IdentityBoxes:
        rows = []
        for frame in range(1, 5):
            count = int(rng.integers(1, 4))
            ids = rng.choice([1, 2, 3], count, replace=False)
            places = rng.choice(4, count, replace=False)
            rows += [(frame, int(i), int(p)) for i, p in zip(ids, places, strict=True)]
        return seen(rows)

    return {name: CameraResult(boxes(), boxes()) for name in "ab"}


@some
@given(camera_pairs())
def test_idf1_agrees_with_counting_by_hand(cameras: dict[str, CameraResult]) -> None:
    pytest.importorskip("trackeval")
    scores = evaluate_multi_camera(cameras)
    assert scores.idf1 == pytest.approx(idf1_by_hand(cameras))
    assert scores.idf1 == pytest.approx(2 / (1 / scores.idp + 1 / scores.idr), nan_ok=True) or (
        scores.idf1 == 0
    )
    assert 0 <= scores.hota <= 1


def test_a_number_that_changes_between_cameras_costs_identity_but_not_detection() -> None:
    pytest.importorskip("trackeval")
    truth = seen([(frame, 1, 0) for frame in range(10)])
    same = {"a": CameraResult(truth, truth), "b": CameraResult(truth, truth)}
    scores = evaluate_multi_camera(same)
    assert (scores.idf1, scores.hota, scores.true_boxes) == (1, 1, 20)
    other = IdentityBoxes(truth.frames, truth.ids + 1, truth.boxes)
    scores = evaluate_multi_camera({**same, "b": CameraResult(truth, other)})
    assert scores.idf1 == pytest.approx(0.5)
    assert scores.det_a == 1
    assert scores.ass_a == pytest.approx(0.5)


def test_matched_only_leaves_out_what_has_no_partner() -> None:
    pytest.importorskip("trackeval")
    truth = seen([(0, 1, 0), (0, 2, 1), (1, 1, 0)])
    result = seen([(0, 7, 0), (0, 8, 3), (2, 9, 4)])
    scores = evaluate_multi_camera({"a": CameraResult(truth, result, matched_only=True)})
    assert (scores.true_boxes, scores.found_boxes, scores.idf1) == (1, 1, 1)
    scores = evaluate_multi_camera({"a": CameraResult(truth, result)})
    assert (scores.true_boxes, scores.found_boxes) == (3, 3)
    assert scores.idf1 == pytest.approx(1 / 3)


def test_loose_boxes_count_in_full_where_only_matches_count() -> None:
    pytest.importorskip("trackeval")
    truth = seen([(0, 1, 0)])
    shifted = IdentityBoxes(
        truth.frames, truth.ids, truth.boxes + np.array([15, 0, 15, 0])
    )  # IoU 0.45
    camera = CameraResult(truth, shifted, matched_only=True, matched_iou=0.4)
    assert evaluate_multi_camera({"a": camera}).idf1 == 1
    assert evaluate_multi_camera({"a": CameraResult(truth, shifted)}).idf1 == 0


def test_nothing_is_a_normal_case() -> None:
    pytest.importorskip("trackeval")
    none = seen([])
    assert evaluate_multi_camera({"a": CameraResult(none, none)}).true_boxes == 0
    assert evaluate_multi_camera({}).found_boxes == 0


def test_boxes_are_paired_for_the_largest_sum() -> None:
    truth = PLACES[:2]
    result = np.array([[10.0, 0, 50, 100], [60, 0, 100, 100], [300, 0, 340, 100]])
    rows, columns = match_boxes(truth, result, 0.5)
    assert (rows.tolist(), columns.tolist()) == ([0, 1], [0, 1])
    assert match_boxes(truth, result[:0], 0.5)[0].tolist() == []


def test_boxes_that_contradict_are_refused() -> None:
    with pytest.raises(InputError, match="identity 3 occurs twice in frame 5"):
        seen([(5, 3, 0), (5, 3, 1)])
    with pytest.raises(InputError, match="2 frames, 1 ids and boxes of shape"):
        IdentityBoxes(np.array([1, 2]), np.array([1]), PLACES[:1])


def test_without_trackeval_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trackeval.metrics", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'reid-tracker\[eval\]'"):
        evaluate_multi_camera({})
