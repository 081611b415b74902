"""Strips: which frames and windows they show, and that the video is read no further."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from reid_tracker.evaluate.mot import Switch
from reid_tracker.evaluate.multi_camera import IdentityBoxes
from reid_tracker.explain.sheet import rgb
from reid_tracker.explain.switch_strips import AFTER, BEFORE, CELL, MOST_STRIPS, switch_strips
from reid_tracker.types import Frame

FRAMES = np.arange(1, 41)
# The person walks right by 5 pixels a frame; the second is far away.
BOXES = np.array([[5.0 * k, 40, 5 * k + 20, 90] for k in range(1, 41)])
TRUTH = IdentityBoxes(FRAMES, np.ones(40, np.int64), BOXES)
FOUND = IdentityBoxes(FRAMES, np.where(FRAMES <= 20, 7, 8), BOXES + np.array([-4, -4, 4, 4]))


def video(read: list[int], length: int = 40) -> Iterator[Frame]:
    for index in range(length):
        read.append(index)
        image = np.full((120, 320, 3), index, np.uint8)
        yield Frame(image, index, index / 10)


def pixels(picture: np.ndarray, colour: str) -> int:
    return int((picture == rgb(colour)[::-1]).all(axis=2).sum())


def test_a_strip_shows_the_frames_around_a_switch() -> None:
    read: list[int] = []
    (strip,) = switch_strips(video(read), [Switch(1, 16, 20, 7, 8)], TRUTH, FOUND, 10.0)
    assert strip.frames == (11, 16, 18, 20, 25)
    assert set(strip.pictures) == set(strip.frames)
    assert read[-1] == 24  # frame 25 is the last that is needed
    assert all(picture.shape == (*CELL, 3) for picture in strip.pictures.values())
    # The picture of frame 11 is of that frame, and the box that follows has the id's colour.
    assert strip.pictures[11][0, 0].tolist() == [10, 10, 10]
    assert pixels(strip.pictures[16], BEFORE) > 100 > pixels(strip.pictures[16], AFTER)
    assert pixels(strip.pictures[25], AFTER) > 100 > pixels(strip.pictures[25], BEFORE)
    assert pixels(strip.pictures[25], "#FFFFFF") > 100


def test_a_person_stays_in_the_middle_also_while_the_truth_has_no_box() -> None:
    truth = TRUTH[(FRAMES < 17) | (FRAMES > 23)]
    none = FOUND[:0]
    (strip,) = switch_strips(video([]), [Switch(1, 16, 24, 7, 8)], truth, none, 10.0)
    assert pixels(strip.pictures[20], "#FFFFFF") == 0
    for frame in (16, 24):
        rows, columns = np.nonzero((strip.pictures[frame] == 255).all(axis=2))
        assert abs(rows.mean() - CELL[0] / 2) < 2
        assert abs(columns.mean() - CELL[1] / 2) < 2


def test_a_video_that_ends_early_leaves_pictures_out() -> None:
    (strip,) = switch_strips(video([], 18), [Switch(1, 16, 20, 7, 8)], TRUTH, FOUND, 10.0)
    assert sorted(strip.pictures) == [11, 16, 18]


def test_at_most_so_many_strips_are_cut_and_no_frame_is_read_for_none() -> None:
    many = [Switch(1, 5, 6, 7, 8)] * (MOST_STRIPS + 5)
    assert len(switch_strips(video([]), many, TRUTH, FOUND)) == MOST_STRIPS
    read: list[int] = []
    assert switch_strips(video(read), [], TRUTH, FOUND) == []
    assert read == []
