"""The log of a run: final identities, whole stays, and paths on the floor."""

from __future__ import annotations

import dataclasses

import numpy as np

from reid_tracker.match import CameraGround, GroundPlane, Sighting, SightingLog, transits
from reid_tracker.types import Detections, Frame, FrameResult, IdentityEvent
from tests.match.worlds import tracks

GROUND = GroundPlane((CameraGround("a", (0.01, 0, 0, 0, 0.01, 0, 0, 0, 1)),))


def result(camera: str, time_s: float, ids: list[int], *events: IdentityEvent) -> FrameResult:
    frame = Frame(np.zeros((100, 300, 3), np.uint8), 0, time_s)
    return FrameResult(camera, frame, Detections.empty(), tracks(ids), None, events)


def event(identity: int, *members: tuple[str, int], score: float = 0.8) -> IdentityEvent:
    return IdentityEvent("match", identity, (), members, "", score, 0.0)


def test_sightings_have_the_last_identity_and_score() -> None:
    log = SightingLog()
    log.add(result("a", 1.0, [1, 2]))
    log.add(result("a", 2.0, [1], event(5, ("a", 1), ("a", 2))))
    log.add(result("b", 6.0, [1], event(6, ("b", 1))))
    log.add(result("b", 7.5, [1, 3]))
    log.take([event(5, ("b", 1), score=0.7), event(0, ("a", 2))])
    assert log.sightings() == [Sighting("a", 5, 1.0, 2.0), Sighting("b", 5, 6.0, 7.5)]
    assert [item.score for item in log.sightings()] == [0.8, 0.7]
    assert log.end_s == 7.5
    assert log.paths() == []
    (way,) = transits(log.sightings())
    assert (way.people, way.waits_s.tolist()) == (1, [4.0])


def test_paths_are_in_metres_and_leave_out_predicted_boxes() -> None:
    log = SightingLog(GROUND)
    for step in range(8):
        log.add(result("a", step * 0.25, [1]))
    unseen = result("a", 2.0, [1])
    hidden = dataclasses.replace(unseen.tracks, observed=np.zeros(1, np.bool_))
    log.add(dataclasses.replace(unseen, tracks=hidden))
    log.add(result("b", 2.0, [1]))  # no homography
    log.take([event(4, ("a", 1), ("b", 1))])
    (path,) = log.paths()
    assert (path.camera, path.identity) == ("a", 4)
    assert path.places[:, 0].tolist() == [0, 0.5, 1.0, 1.5]  # every half second
    np.testing.assert_allclose(path.places[:, 1:], [[0.2, 0.9]] * 4)  # the box is 0 0 40 90
    assert path.covariances.shape == (4, 2, 2)
    assert (np.linalg.eigvalsh(path.covariances) > 0).all()
