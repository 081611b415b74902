"""Attached cameras, with a stand-in for OpenCV's capture."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import cv2
import pytest

from reid_tracker.errors import SourceError
from reid_tracker.video import open_source
from tests.video.clips import FRAMES, FakeCapture


@pytest.mark.parametrize("number", [97, "97", "/dev/video97"])
def test_missing_camera_is_refused_quietly(
    number: int | str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SourceError, match="camera 97 delivers no picture"):
        open_source(number)
    assert capfd.readouterr().err == ""


def test_a_camera_without_a_rate_counts_as_30(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeCapture, "get", lambda self, key: 0.0)
    monkeypatch.setattr(cv2, "VideoCapture", FakeCapture)
    with open_source(0) as source:
        assert source.info.frame_rate == Fraction(30)
        assert source.live


def test_times_increase_although_the_clock_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", FakeCapture)
    monkeypatch.setattr("reid_tracker.video.camera.time.monotonic", lambda: 7.0)
    times = [frame.timestamp_s for frame in open_source(0)]
    assert times[0] == 0.0
    assert all(earlier < later for earlier, later in pairwise(times))


def test_a_camera_that_stops_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", FakeCapture)
    assert len(list(open_source(3))) == FRAMES
    assert caplog.messages == [f"camera 3 stopped delivering pictures after {FRAMES} frames"]
