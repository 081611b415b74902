"""What a camera adds to all embeddings is found and taken out, and chance is left alone."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reid_tracker.config import MatchConfig
from reid_tracker.match import Topology
from reid_tracker.match.decide import evidence
from reid_tracker.match.decide.alignment import camera_means, camera_shifts, shifted
from reid_tracker.match.tracklets.prototypes import prototype_distance
from tests.benchmarks.city_looks import ENCODERS, LookModel, Looks
from tests.benchmarks.revision_scores import site
from tests.match.worlds import seeds, some

MODEL = ENCODERS["osnet_x0_25_msmt17"]
DARK = dataclasses.replace(MODEL, camera=0.1)


def seen(model: LookModel, people: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return embeddings of people before two cameras, the people and the cameras."""
    who, cameras = np.tile(np.arange(people), 2), np.repeat([0, 1], people)
    made = Looks(model, 3).tracklets(who, cameras, np.full(len(who), 5), 1, 0)
    return made[:, 0], who, cameras


def right(rows: np.ndarray, people: int) -> float:
    """Return how often the nearest in the second camera is the same person."""
    nearest = (rows[:people] @ rows[people:].T).argmax(axis=1)
    return float((nearest == np.arange(people)).mean())


@some
@given(seeds, st.integers(1, 3), st.integers(1, 4))
def test_shifts_agree_with_the_oracle(seed: int, count: int, each: int) -> None:
    rng = np.random.default_rng(seed)
    cameras = np.concatenate([np.arange(count), rng.integers(0, count, count * (each - 1))])
    means = (rng.normal(size=(len(cameras), 6)) + rng.normal(size=(count, 6))[cameras]).astype("f4")
    found = camera_shifts(means, cameras)
    centre = [
        np.mean([m for m, c in zip(means, cameras, strict=True) if c == k], 0) for k in range(count)
    ]
    inside = sum(float(((m - centre[c]) ** 2).sum()) for m, c in zip(means, cameras, strict=True))
    inside /= max(len(means) - count, 1)
    for camera in range(count):
        away = centre[camera] - means.mean(axis=0)
        chance = 2 * inside * (1 / int((cameras == camera).sum()) - 1 / len(means))
        square = float(away @ away)
        share = max(1 - chance / square, 0) if square > 1e-9 and len(means) > count else 0
        assert found[camera] == pytest.approx(share * away, abs=1e-4)


def test_a_camera_with_other_colours_is_found_and_people_are_recognised_better() -> None:
    rows, _, cameras = seen(DARK, 100)
    shifts = camera_shifts(rows, cameras)
    true = camera_means(rows, cameras) - rows.mean(axis=0)
    assert (np.linalg.norm(shifts - true, axis=1) < 0.3 * np.linalg.norm(true, axis=1)).all()
    moved = shifted(rows, shifts[cameras])
    assert np.linalg.norm(moved, axis=1) == pytest.approx(np.ones(len(rows)), abs=1e-5)
    assert right(moved, 100) > right(rows, 100) + 0.03


def test_chance_moves_nothing() -> None:
    rng = np.random.default_rng(0)
    rows = seen(dataclasses.replace(MODEL, camera=0.0), 30)[0][:30]  # of one camera
    moved = [camera_shifts(rows, rng.permutation(np.arange(30) % 3)).any() for _ in range(40)]
    assert np.mean(moved) < 0.2
    assert not camera_shifts(rows, np.zeros(30, np.int64)).any()
    assert not camera_shifts(rows, np.arange(30)).any()  # one tracklet each
    assert not shifted(np.zeros((1, 2, 4), np.float32), np.ones((1, 1, 4), np.float32)).any()


def test_the_average_cost_between_cameras_stays() -> None:
    table, _ = site(DARK, cameras=2, people=40, count=300, seed=0)
    rows, config = np.arange(300), MatchConfig()
    times = Topology().travel_times(["a", "b"])
    aligned = evidence.compare_all(table, rows, times, config, 9.0).costs
    vectors, weights = table.prototypes.vectors[rows], table.prototypes.weights[rows]
    plain = prototype_distance(vectors, weights, vectors, weights)
    across = (table.camera[rows, None] != table.camera[None, rows]) & np.isfinite(aligned)
    assert np.abs(aligned - plain)[across].max() > 0.05
    assert aligned[across].mean() == pytest.approx(plain[across].mean(), abs=0.01)
