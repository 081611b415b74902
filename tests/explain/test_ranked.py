"""Ranked lists against a plain search, and the frames of the sheet."""

from __future__ import annotations

import numpy as np
import pytest

from reid_tracker.errors import InputError
from reid_tracker.evaluate import Labels, Samples, evaluate_reid
from reid_tracker.explain import rank_queries, ranked_sheet
from reid_tracker.explain.sheet import GREEN, RED, Sheet, rgb


def samples(count: int, seed: int, *, least: int = 1) -> Samples:
    """Random people (from `least`) by 3 cameras, with embeddings that tell them apart poorly."""
    generator = np.random.default_rng(seed)
    identities = generator.integers(least, 8, count)
    centres = np.random.default_rng(99).normal(size=(10, 6))
    rows = centres[identities] + generator.normal(0, 0.8, (count, 6))
    rows[: count // 4] = np.rint(rows[: count // 4])  # some distances tie
    labels = Labels(identities, generator.integers(0, 3, count))
    return Samples(rows.astype(np.float32), labels)


def plain_search(query: Samples, gallery: Samples, row: int) -> tuple[list[int], float]:
    """Gallery rows by distance, and the average precision, for one query."""
    person, camera = query.labels.identities[row], query.labels.cameras[row]
    one = query.embeddings[row] / np.linalg.norm(query.embeddings[row])
    candidates = []
    for entry in range(len(gallery)):
        identity = gallery.labels.identities[entry]
        if identity == -1 or (identity == person and gallery.labels.cameras[entry] == camera):
            continue
        other = gallery.embeddings[entry] / np.linalg.norm(gallery.embeddings[entry])
        candidates.append((float(np.float32(1) - np.float32(one @ other)), entry))
    candidates.sort()
    order = [entry for _, entry in candidates]
    hits, total = 0, 0.0
    for rank, entry in enumerate(order, 1):
        if gallery.labels.identities[entry] == person:
            hits += 1
            total += hits / rank
    return order, total / hits


@pytest.mark.parametrize("seed", range(3))
def test_lists_are_those_of_the_oracle(seed: int) -> None:
    query, gallery = samples(30, seed), samples(60, seed + 10, least=-1)
    ranking = rank_queries(query, gallery, count=8, top=7)
    scores = evaluate_reid(query, gallery)
    assert ranking.mean_ap == scores.mean_ap
    assert ranking.scored == scores.queries - scores.skipped
    for found in ranking.lists:
        order, precision = plain_search(query, gallery, found.query)
        assert found.average_precision == pytest.approx(precision, abs=0.02)
        np.testing.assert_allclose(np.sort(found.distances), found.distances)
        # Rounding may swap entries at the same distance.
        assert len(set(found.gallery.tolist()) ^ set(order[:7])) <= 2
        person = query.labels.identities[found.query]
        np.testing.assert_array_equal(
            found.correct, gallery.labels.identities[found.gallery] == person
        )
        entries = zip(gallery.labels.identities, gallery.labels.cameras, strict=True)
        camera = query.labels.cameras[found.query]
        assert found.matches == sum(i == person and c != camera for i, c in entries)


def test_queries_are_spread_from_the_worst_to_the_best() -> None:
    query, gallery = samples(40, 1), samples(60, 2)
    precisions = evaluate_reid(query, gallery).average_precisions
    chosen = [found.average_precision for found in rank_queries(query, gallery, count=5).lists]
    assert chosen == sorted(chosen)
    assert (chosen[0], chosen[-1]) == (np.nanmin(precisions), np.nanmax(precisions))
    assert len({found.query for found in rank_queries(query, gallery, count=99).lists}) == 40


def test_junk_queries_keep_rows_in_step() -> None:
    """Scores leave junk out; rows are those of the queries as they were given."""
    labels = Labels(np.array([-1, 1, -1, 2]), np.array([0, 0, 0, 0]))
    query = Samples(np.eye(4, dtype=np.float32), labels)
    gallery = Samples(
        np.eye(4, dtype=np.float32)[[1, 3]], Labels(np.array([1, 2]), np.array([1, 1]))
    )
    ranking = rank_queries(query, gallery)
    assert sorted(found.query for found in ranking.lists) == [1, 3]
    assert all(found.correct[0] and found.average_precision == 1 for found in ranking.lists)


def test_own_camera_and_junk_are_left_out() -> None:
    query = Samples(np.array([[1, 0]], np.float32), Labels(np.array([1]), np.array([0])))
    rows = np.array([[1, 0], [1, 0.1], [1, 0.2], [1, 0.3], [1, 0.4]], np.float32)
    gallery = Samples(rows, Labels(np.array([1, -1, 2, 1, 0]), np.array([0, 1, 0, 1, 1])))
    (found,) = rank_queries(query, gallery).lists
    assert found.gallery.tolist() == [2, 3, 4]
    assert found.correct.tolist() == [False, True, False]
    assert found.average_precision == 0.5


def test_nothing_to_rank() -> None:
    query = Samples(np.eye(2, dtype=np.float32), Labels(np.array([1, 2]), np.array([0, 0])))
    with pytest.raises(InputError, match="none of 2 queries"):
        rank_queries(query, query)


def test_frames_are_green_where_right_and_red_where_wrong() -> None:
    query, gallery = samples(10, 1), samples(40, 2)
    ranking = rank_queries(query, gallery, count=4, top=6)
    blank = np.full((20, 10, 3), (250, 20, 10), np.uint8)
    pixels = ranked_sheet(ranking, lambda row: blank, lambda row: blank).pixels()
    assert pixels.shape[1] <= 2000
    assert (pixels == (10, 20, 250)).all(axis=2).sum() == 4 * 7 * 160 * 80
    frame = (160 + 10) * (80 + 10) - 160 * 80
    right = sum(int(found.correct.sum()) for found in ranking.lists)
    for colour, count in ((GREEN, right), (RED, 4 * 6 - right)):
        found = (pixels == rgb(colour)).all(axis=2).sum()
        assert count
        # The texts below are in the same colour.
        assert count * frame <= found <= count * frame * 1.1


def test_pictures_are_those_of_the_rows() -> None:
    query, gallery = samples(10, 1), samples(40, 2)
    ranking = rank_queries(query, gallery, count=1, top=3)
    asked: dict[str, list[int]] = {"query": [], "gallery": []}

    def picture(side: str, row: int) -> np.ndarray:
        asked[side].append(row)
        return np.zeros((8, 4, 3), np.uint8)

    ranked_sheet(ranking, lambda row: picture("query", row), lambda row: picture("gallery", row))
    assert asked["query"] == [ranking.lists[0].query]
    assert asked["gallery"] == ranking.lists[0].gallery.tolist()


@pytest.mark.parametrize(
    ("camera_rule", "said", "unsaid"),
    [
        (True, ["by another camera", "query's own camera are ignored"], ["all but itself"]),
        (False, ["a query is compared with all but itself"], ["another camera", "own camera"]),
    ],
)
def test_the_caption_says_the_rule_that_was_used(
    camera_rule: bool, said: list[str], unsaid: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    captions = []

    class Noted(Sheet):
        def __init__(self, width: int, height: int, title: str, caption: str) -> None:
            captions.append(caption)
            super().__init__(width, height, title, caption)

    monkeypatch.setattr("reid_tracker.explain.ranked.Sheet", Noted)
    ranking = rank_queries(samples(10, 1), samples(40, 2), count=2, top=3)
    blank = np.zeros((20, 10, 3), np.uint8)
    ranked_sheet(ranking, lambda row: blank, lambda row: blank, camera_rule=camera_rule)
    assert all(text in captions[0] for text in said)
    assert not any(text in captions[0] for text in unsaid)
