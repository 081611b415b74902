"""Heads that nobody can recognise any more, and everything else as it was."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from reid_tracker.sink import open_head_blur
from reid_tracker.sink.video.heads import blurred, head_boxes
from reid_tracker.types import Detections, FrameResult, Tracks
from tests.sink.results import make_result, make_tracks


def noise(seed: int = 0) -> np.ndarray:
    """A picture in which no two pixels are alike: what is left as it was can be told."""
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (120, 160, 3), np.uint8)


def changed(before: FrameResult, after: FrameResult) -> np.ndarray:
    return np.asarray((before.frame.image != after.frame.image).any(axis=2))


def test_heads_of_people_in_full_and_cut_off() -> None:
    boxes = np.array([[10, 20, 50, 120], [0, 50, 60, 110]], np.float32)
    heads = head_boxes(boxes)
    assert heads[0] == pytest.approx([10, 14, 50, 42])
    assert heads[1] == pytest.approx([0, 46.4, 60, 83])
    assert head_boxes(np.zeros((0, 4), np.float32)).shape == (0, 4)


def test_tracked_and_detected_people() -> None:
    tracks = make_tracks([4, 5], [[10, 20, 50, 110], [100, 20, 140, 110]])  # 5 is only predicted
    boxes = np.array([[60, 10, 90, 90]], np.float32)
    found = Detections(boxes, np.full(1, 0.4, np.float32), np.zeros(1, np.int64))
    result = replace(make_result(0, tracks, noise()), detections=found)
    given = result.frame.image.copy()
    hidden = open_head_blur().hide(result)
    assert np.array_equal(result.frame.image, given)
    where = changed(result, hidden)
    for left, top, right, bottom in np.concatenate([tracks.boxes, boxes]).astype(int):
        head = where[top : top + (bottom - top) // 5, left:right]
        assert head.mean() > 0.98
        assert not where[top + (bottom - top) // 3 : bottom, left:right].any()
    assert where.mean() < 0.2
    assert hidden.tracks is result.tracks


def test_what_is_blurred_holds_no_more_than_a_few_colours() -> None:
    """Two pictures with equal averages in each quarter are the same after it."""
    left = np.zeros((64, 64, 3), np.uint8)
    left[::2] = 200
    right = np.zeros((64, 64, 3), np.uint8)
    right[:, ::2] = 200
    region = np.array([[0, 0, 64, 64]], np.float32)
    assert np.array_equal(blurred(left, region), blurred(right, region))


def test_regions_outside_the_picture() -> None:
    picture = noise()
    regions = np.array([[-50, -50, -10, -10], [150, 100, 400, 400], [20, 20, 20, 40]], np.float32)
    result = blurred(picture, regions)
    same = (result == picture).all(axis=2)
    assert same[:100].all()
    assert same[:, :150].all()
    assert not same[105:, 152:].all()


def test_a_missed_frame_shows_nobody() -> None:
    blur = open_head_blur()
    tracks = make_tracks([1], [[10, 20, 50, 110]])
    blur.hide(make_result(0, tracks, noise(), timestamp_s=1.0))
    missed = make_result(1, Tracks.empty(), noise(1), timestamp_s=1.3)
    assert changed(missed, blur.hide(missed))[20:35, 10:50].mean() > 0.98
    later = make_result(2, Tracks.empty(), noise(2), timestamp_s=1.6)
    assert not changed(later, blur.hide(later)).any()
    # A source that begins anew.
    again = make_result(3, Tracks.empty(), noise(3), timestamp_s=0.0)
    assert not changed(again, blur.hide(again)).any()
