"""CMC, mAP and mINP: by hand, against plain loops, and at the edges."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reid_tracker.errors import InputError
from reid_tracker.evaluate import Labels, score_ranking
from tests.evaluate.samples import Problem, people, problems, seeds
from tests.examples import examples
from tests.oracles.reid_metrics import score

K = 10


def labels(identities: list[int], cameras: list[int] | int) -> Labels:
    if isinstance(cameras, int):
        cameras = [cameras] * len(identities)
    return Labels(np.array(identities, np.int64), np.array(cameras, np.int64))


@settings(max_examples=examples(300))
@given(problems(), st.integers(1, 9))
def test_agrees_with_plain_loops(problem: Problem, block_rows: int) -> None:
    found = score_ranking(
        problem.distances, problem.query, problem.gallery, max_rank=K, block_rows=block_rows
    )
    plain = score(problem.distances.tolist(), people(problem.query), people(problem.gallery), K)
    np.testing.assert_allclose(found.cmc, plain.cmc)
    np.testing.assert_allclose([found.mean_ap, found.mean_inp], [plain.mean_ap, plain.mean_inp])
    assert (found.queries, found.skipped, found.gallery) == (
        plain.queries,
        plain.skipped,
        plain.gallery,
    )


def test_by_hand() -> None:
    """Right entries at ranks 1, 3 and 4 of 5: AP = (1 + 2/3 + 3/4) / 3, INP = 3/4."""
    found = score_ranking(
        np.array([[0.1, 0.2, 0.3, 0.4, 0.5]], np.float32),
        labels([7], 1),
        labels([7, 8, 7, 7, 9], 2),
    )
    assert found.mean_ap == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)
    assert found.mean_inp == pytest.approx(3 / 4)
    assert found.rank(1) == 1
    assert found.first_ranks.tolist() == [1]


def test_camera_rule_leaves_out_and_closes_the_gap() -> None:
    """The same person of the same camera counts neither as right nor as wrong."""
    distances = np.array([[0.1, 0.2, 0.3]], np.float32)
    found = score_ranking(distances, labels([1], 1), labels([1, 1, 2], [1, 2, 2]))
    assert found.rank(1) == found.mean_ap == found.mean_inp == 1


def test_other_people_of_the_same_camera_count() -> None:
    distances = np.array([[0.1, 0.2]], np.float32)
    found = score_ranking(distances, labels([1], 1), labels([2, 1], [1, 2]))
    assert found.first_ranks.tolist() == [2]
    assert found.mean_ap == 0.5


def test_junk_is_dropped_and_distractors_are_wrong() -> None:
    distances = np.array([[0.1, 0.2, 0.3], [0, 0, 0]], np.float32)
    found = score_ranking(distances, labels([1, -1], 1), labels([-1, 0, 1], 2))
    assert (found.queries, found.gallery, found.skipped) == (1, 2, 0)
    assert found.first_ranks.tolist() == [2]


def test_ties_rank_in_gallery_order() -> None:
    distances = np.zeros((1, 3), np.float32)
    assert score_ranking(distances, labels([1], 1), labels([1, 2, 3], 2)).rank(1) == 1
    assert score_ranking(distances, labels([1], 1), labels([2, 3, 1], 2)).first_ranks[0] == 3


def test_queries_without_a_match_are_skipped_and_counted() -> None:
    distances = np.array([[0.1, 0.2], [0.1, 0.2], [0.1, 0.2]], np.float32)
    found = score_ranking(distances, labels([1, 5, 2], [1, 1, 2]), labels([1, 2], 2))
    assert (found.queries, found.skipped) == (3, 2)
    assert found.rank(1) == 1
    assert np.isnan(found.average_precisions[1:]).all()
    assert found.first_ranks.tolist() == [1, 0, 0]


@pytest.mark.parametrize(("queries", "entries"), [(0, 0), (0, 3), (3, 0)])
def test_nothing_to_score(queries: int, entries: int) -> None:
    found = score_ranking(
        np.zeros((queries, entries), np.float32),
        labels([1] * queries, 1),
        labels([1] * entries, 2),
    )
    assert (found.queries, found.skipped, found.gallery) == (queries, queries, entries)
    assert math.isnan(found.mean_ap)
    assert math.isnan(found.rank(1))
    assert found.as_dict()["rank-1"] is None


def test_summary_is_plain_numbers() -> None:
    found = score_ranking(np.zeros((1, 1), np.float32), labels([1], 1), labels([1], 2))
    assert found.as_dict() == {
        **{f"rank-{k}": 1.0 for k in (1, 5, 10, 20)},
        **{"mAP": 1.0, "mINP": 1.0, "queries": 1, "gallery": 1, "skipped_queries": 0},
    }
    assert all(type(value) in {int, float} for value in found.as_dict().values())


@given(problems(), seeds)
def test_order_of_the_queries_does_not_matter(problem: Problem, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(problem.query))
    a = score_ranking(problem.distances, problem.query, problem.gallery)
    b = score_ranking(problem.distances[order], problem.query[order], problem.gallery)
    np.testing.assert_allclose(a.cmc, b.cmc)
    np.testing.assert_allclose([a.mean_ap, a.mean_inp], [b.mean_ap, b.mean_inp])


@given(problems())
def test_scores_are_parts_and_the_curve_rises(problem: Problem) -> None:
    found = score_ranking(problem.distances, problem.query, problem.gallery)
    if found.queries > found.skipped:
        assert (np.diff(found.cmc) >= 0).all()
        assert 0 < found.mean_inp <= 1
        assert 0 < found.mean_ap <= 1
        assert found.cmc[-1] == 1


class TestBadInput:
    def test_shape(self) -> None:
        with pytest.raises(InputError, match=r"\(2, 2\), expected \(1, 2\)"):
            score_ranking(np.zeros((2, 2), np.float32), labels([1], 1), labels([1, 2], 2))

    def test_nan(self) -> None:
        with pytest.raises(InputError, match="NaN"):
            score_ranking(np.full((1, 1), np.nan, np.float32), labels([1], 1), labels([1], 2))

    def test_people_counted_from_zero(self) -> None:
        with pytest.raises(InputError, match="add 1"):
            score_ranking(np.zeros((1, 1), np.float32), labels([0], 1), labels([0], 2))
