"""What lines and zones look like."""

from __future__ import annotations

import numpy as np

from reid_tracker.sink.counts.draw import draw_line, draw_zone
from reid_tracker.sink.counts.places import CountingLine, CountingZone


def blank() -> np.ndarray:
    return np.full((240, 320, 3), 90, np.uint8)


def test_the_arrow_points_to_the_side_that_is_in() -> None:
    up, down = blank(), blank()
    draw_line(up, CountingLine("a", "", (20, 120), (300, 120)), "a")
    draw_line(down, CountingLine("a", "", (300, 120), (20, 120)), "a")
    assert (up[110, 160] != 90).any()
    assert (up[130, 160] == 90).all()
    assert (down[130, 160] != 90).any()
    assert (down[110, 160] == 90).all()


def test_a_text_stays_in_the_picture() -> None:
    scene = blank()
    draw_line(scene, CountingLine("a", "", (0, 0), (0, 240)), "a long name: 12 in, 13 out")
    assert (scene[:30] > 180).all(axis=2).sum() > 40


def test_a_zone_is_tinted_inside_only() -> None:
    scene = blank()
    draw_zone(scene, CountingZone("a", "", ((100, 100), (200, 100), (200, 240), (100, 240))), "a")
    assert (scene[180, 150] != 90).any()
    assert (scene[180, 90] == 90).all()
    assert (scene[180, 215] == 90).all()
