"""Admission: refuses names that are too long, and too many cameras of a host."""

from __future__ import annotations

from collections import Counter

import pytest
from msgspec.structs import replace

from reid_tracker.central.admission import Admission
from reid_tracker.config import CentralConfig
from tests.transport.samples import status, tracklet


@pytest.fixture
def counts() -> Counter[str]:
    return Counter()


@pytest.fixture
def now() -> list[float]:
    return [0.0]


@pytest.fixture
def admission(counts: Counter[str], now: list[float]) -> Admission:
    return Admission("hall", CentralConfig(most_cameras=3), counts, lambda: now[0])


def test_names_too_long_for_a_gallery(admission: Admission, counts: Counter[str]) -> None:
    assert not admission.admits(tracklet(edge="ü" * 100, camera="ü" * 100))
    assert counts == {"name": 1}


def test_more_cameras_than_a_host_may_have(
    admission: Admission,
    counts: Counter[str],
    now: list[float],
    caplog: pytest.LogCaptureFixture,
) -> None:
    message = tracklet()
    names = ["a", "b", "c"]
    assert all(admission.admits(replace(message, camera=name)) for name in names * 2)
    assert not admission.admits(replace(message, camera="d"))
    assert not admission.admits(status(camera="d"))
    assert admission.admits(replace(message, edge="e2", camera="a"))  # other hosts are not affected
    assert all(admission.admits(replace(message, camera=name)) for name in names)
    assert counts == {"cameras": 2}
    (record,) = caplog.records  # logged once, with the limit and the next step
    assert "more than 3 cameras (central.most_cameras)" in record.message
    assert "'e1/d'" in record.message


def test_unused_camera_names_are_dropped_after_an_hour(
    admission: Admission, counts: Counter[str], now: list[float]
) -> None:
    message = tracklet()
    for name in ("a", "b", "c"):
        assert admission.admits(replace(message, camera=name))
    now[0] = 3000.0
    assert admission.admits(replace(message, camera="a"))
    now[0] = 3700.0
    assert admission.admits(replace(message, camera="d"))
    assert admission.admits(replace(message, camera="e"))
    assert not admission.admits(replace(message, camera="f"))
    assert counts == {"cameras": 1}
