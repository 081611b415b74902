"""Positions on the ground plane as evidence."""

from __future__ import annotations

import dataclasses

import numpy as np

from reid_tracker.match import (
    CameraGround,
    CrossCameraMatcher,
    GroundPlane,
)
from tests.match.worlds import QUICK, TOPOLOGY, embeddings_of, tracks


def test_the_floor_tells_people_apart_who_look_alike() -> None:
    # Both cameras look straight down on the same floor, a metre being 100 pixels; a's picture is
    # the other way round in b. Two people in the same clothes stand 4 m apart.
    upright = (1.0, 0, 0, 0, 1, 0, 0, 0, 1)
    turned = (-1.0, 0, 600, 0, 1, 0, 0, 0, 1)
    ground = GroundPlane((CameraGround("a", upright), CameraGround("b", turned)), 100.0)
    config = dataclasses.replace(QUICK, floor_gate_m=1.0)
    boxes = np.array([[80, 0, 120, 90], [480, 0, 520, 90]])
    matcher = CrossCameraMatcher(config, TOPOLOGY, ground)
    rng = np.random.default_rng(0)
    for step in range(30):
        matcher.update("a", tracks([1, 2], boxes), embeddings_of([0, 0], rng), step / 2)
        matcher.update("b", tracks([3, 4], boxes), embeddings_of([0, 0], rng), step / 2)
    assert matcher.identity("a", 1) == matcher.identity("b", 4) != 0
    assert matcher.identity("a", 2) == matcher.identity("b", 3) != 0
    assert matcher.identity("a", 1) != matcher.identity("a", 2)


def test_nobody_runs_faster_than_people_do() -> None:
    ground = GroundPlane((CameraGround("a", (1.0, 0, 0, 0, 1, 0, 0, 0, 1)),), 1.0)
    config = dataclasses.replace(QUICK, floor_speed_m_s=4.0, floor_gate_m=1.0)
    for way_m, expected in ((8.0, 1), (20.0, 2)):
        matcher = CrossCameraMatcher(config, TOPOLOGY, ground)
        rng = np.random.default_rng(0)
        for step in range(20):
            here = np.array([[0.0, 0, 2, 5]]) + (0 if step < 8 else [[way_m, 0, way_m, 0]])
            track = 1 if step < 8 else 2
            time_s = step / 2 + (0 if step < 8 else 2)  # 2.5 s between
            matcher.update("a", tracks([track], here), embeddings_of([0], rng), time_s)
        assert matcher.identity("a", 2) == expected
