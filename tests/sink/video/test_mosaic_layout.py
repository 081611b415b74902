"""Where tiles stand on the canvas."""

from __future__ import annotations

import numpy as np
import pytest

from reid_tracker.sink.video.mosaic_layout import arrange, clock

SIZES = [(64, 48), (768, 576), (1920, 1080), (576, 1024), (640, 480), (3840, 2160), (101, 77)]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7])
@pytest.mark.parametrize("extra", [False, True])
def test_tiles_are_apart_and_on_the_canvas(count: int, extra: bool) -> None:
    layout = arrange(SIZES[:count], extra)
    assert len(layout.tiles) == count + extra
    assert layout.width % 2 == layout.height % 2 == 0
    assert layout.width <= 1922
    assert layout.height <= 1082
    taken = np.zeros((layout.height, layout.width), int)
    for tile in layout.tiles:
        assert min(tile.left, tile.top) >= 0
        assert tile.left + tile.width <= layout.width
        assert tile.top + tile.height <= layout.height
        taken[tile.top : tile.top + tile.height, tile.left : tile.left + tile.width] += 1
    assert taken.max() == 1


def test_cameras_without_a_picture_yet_have_a_tile() -> None:
    assert arrange([(0, 0)]) == arrange([(1280, 720)])
    assert len(arrange([(0, 0), (768, 576)]).tiles) == 2


def test_the_last_tile_takes_what_is_left_of_its_row() -> None:
    tiles = arrange([(768, 576)] * 2, extra=True).tiles
    assert tiles[2].width == tiles[0].width + tiles[1].left + tiles[1].width - tiles[0].width - 4


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "00:00.0"), (61.26, "01:01.3"), (3599.96, "1:00:00.0")]
)
def test_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text
