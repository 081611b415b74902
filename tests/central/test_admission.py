"""Which tracklets a centre takes: no time ahead of its own, no names too long, and not too many."""

from __future__ import annotations

from collections import Counter

import pytest
from msgspec.structs import replace

from reid_tracker.central.admission import Admission
from reid_tracker.config import CentralConfig
from tests.transport.samples import NOW_S, tracklet


@pytest.fixture
def counts() -> Counter[str]:
    return Counter()


@pytest.fixture
def admission(counts: Counter[str]) -> Admission:
    config = CentralConfig(ahead_s=5.0, most_cameras=3)
    return Admission("hall", config, counts, lambda: NOW_S)


def test_times_ahead(admission: Admission, counts: Counter[str]) -> None:
    assert admission.admits(tracklet(end_s=NOW_S + 5))
    assert not admission.admits(tracklet(end_s=NOW_S + 5.1))
    assert counts == {"clock": 1}


def test_names_too_long_for_a_gallery(admission: Admission, counts: Counter[str]) -> None:
    assert not admission.admits(tracklet(edge="ü" * 100, camera="ü" * 100))
    assert counts == {"name": 1}


def test_more_cameras_than_a_site_may_have(
    admission: Admission, counts: Counter[str], caplog: pytest.LogCaptureFixture
) -> None:
    message = tracklet()
    names = ["a", "b", "c"]
    assert all(admission.admits(replace(message, camera=name)) for name in names * 2)
    assert not admission.admits(replace(message, camera="d"))
    assert not admission.admits(replace(message, edge="e2", camera="a"))
    assert all(admission.admits(replace(message, camera=name)) for name in names)
    assert counts == {"cameras": 2}
    (record,) = caplog.records  # said once, with what is too many and what to do
    assert "more than 3 cameras (central.most_cameras)" in record.message
    assert "'e1/d'" in record.message
