"""The mosaic: where pictures go, which frame is shown when, and cameras that end."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from reid_tracker.config import OutputConfig
from reid_tracker.sink.video.mosaic import MosaicSink
from reid_tracker.sink.video.mosaic_layout import Tile, arrange
from reid_tracker.types import FrameResult, ImageBGR, Tracks, VideoInfo
from tests.sink.readers import read_video
from tests.sink.results import grey, make_result, make_tracks, number_of, with_identities

PLAIN = OutputConfig(trail_s=0, video_crf=1)


def picture(image: ImageBGR, tile: Tile) -> ImageBGR:
    """The inside of a tile of a decoded frame, without edges that coding blurs."""
    return tile.picture(image)[6:-6, 6:-6]


def frames_of(camera: str, rate: Fraction, count: int) -> list[FrameResult]:
    return [
        make_result(
            index, Tracks.empty(), grey(index, 160, 120), float(index / rate), camera=camera
        )
        for index in range(count)
    ]


def test_frames_are_aligned_by_time(tmp_path: Path) -> None:
    """A camera of 10 frames a second for 2 s beside one of 4 a second for 1 s."""
    fast, slow = frames_of("fast", Fraction(10), 20), frames_of("slow", Fraction(4), 4)
    info = {
        "fast": VideoInfo(160, 120, Fraction(10)),
        "slow": VideoInfo(160, 120, Fraction(4)),
    }
    over: set[str] = set()
    sink = MosaicSink(tmp_path / "m.mp4", info, over.__contains__)
    with sink:
        results = sorted([*fast, *slow], key=lambda result: result.frame.timestamp_s)
        for result in results:
            if result.frame.timestamp_s > 0.9:
                over.add("slow")
            sink.write(result)
    images, times, rate = read_video(tmp_path / "m.mp4")
    assert rate == 10
    assert [float(time) for time in times] == pytest.approx([tick / 10 for tick in range(20)])
    left, right = arrange([(160, 120)] * 2).tiles
    for tick, image in enumerate(images):
        assert number_of(picture(image, left)) == tick
        shown = min(3, int(tick / 10 * 4 + 1e-9))
        if tick / 10 <= 0.75:
            assert number_of(picture(image, right)) == shown, tick
        else:  # over: the last frame, dark
            dark = np.median(picture(image, right))
            assert dark == pytest.approx((20 + 11 * 3) / 3, abs=4), tick


def test_a_camera_that_lags_is_waited_for(tmp_path: Path) -> None:
    info = {name: VideoInfo(160, 120, Fraction(10)) for name in "ab"}
    sink = MosaicSink(tmp_path / "m.mp4", info, lambda camera: False)
    with sink:
        for result in frames_of("a", Fraction(10), 5):
            sink.write(result)
        assert sink._tick == 0
        for result in frames_of("b", Fraction(10), 5):
            sink.write(result)
        assert sink._tick == 5
    images, _, _ = read_video(tmp_path / "m.mp4")
    for tick, image in enumerate(images):
        for tile in arrange([(160, 120)] * 2).tiles:
            assert number_of(picture(image, tile)) == tick


def test_a_live_camera_that_was_away_is_back(tmp_path: Path) -> None:
    info = {name: VideoInfo(160, 120, Fraction(10)) for name in "ab"}
    away: set[str] = set()
    sink = MosaicSink(tmp_path / "m.mp4", info, away.__contains__)
    with sink:
        for a, b in zip(*(frames_of(name, Fraction(10), 9) for name in "ab"), strict=True):
            if 3 <= b.frame.index < 6:
                away.add("b")
                sink.write(a)
            else:
                away.clear()
                sink.write(a)
                sink.write(b)
    images, _, _ = read_video(tmp_path / "m.mp4")
    left, right = arrange([(160, 120)] * 2).tiles
    assert [number_of(picture(image, left)) for image in images] == list(range(9))
    assert number_of(picture(images[2], right)) == 2
    assert np.median(picture(images[4], right)) == pytest.approx((20 + 11 * 2) / 3, abs=4)
    assert [number_of(picture(image, right)) for image in images[6:]] == [6, 7, 8]


def test_without_a_frame_there_is_no_file(tmp_path: Path) -> None:
    info = {name: VideoInfo(160, 120, Fraction(10)) for name in "ab"}
    MosaicSink(tmp_path / "m.mp4", info, lambda camera: True).close()
    assert not (tmp_path / "m.mp4").exists()


def test_boxes_are_drawn_where_they_are_in_the_smaller_picture(tmp_path: Path) -> None:
    """A frame of 1600 x 1200 pixels is shown at half the size or less."""
    info = {name: VideoInfo(1600, 1200, Fraction(10)) for name in "ab"}
    box = [[400.0, 300, 800, 900]]
    image = np.full((1200, 1600, 3), 90, np.uint8)
    result = with_identities(make_result(0, make_tracks([1], box), image, 0.0, camera="a"), 7)
    with MosaicSink(tmp_path / "m.mp4", info, lambda camera: False, PLAIN) as sink:
        sink.write(result)
        sink.write(make_result(0, Tracks.empty(), image, 0.0, camera="b"))
    tile = arrange([(1600, 1200)] * 2).tiles[0]
    shown = read_video(tmp_path / "m.mp4")[0][0]
    inside = tile.picture(shown)
    scale = tile.width / 1600
    middle = round(600 * scale)
    columns = np.flatnonzero(np.abs(inside[middle].astype(int) - 90).max(axis=1) > 40)
    assert columns.min() == pytest.approx(400 * scale, abs=3)
    assert columns.max() == pytest.approx(800 * scale, abs=3)


@pytest.mark.parametrize(("pause_s", "written_s"), [(30.0, 30), (1e9, 1800)])
def test_a_pause_of_years_neither_hangs_nor_loses_the_end(
    pause_s: float, written_s: float, tmp_path: Path
) -> None:
    info = {name: VideoInfo(160, 120, Fraction(10)) for name in "ab"}
    with MosaicSink(tmp_path / "m.mp4", info, lambda camera: False) as sink:
        for time_s in (0.0, pause_s):
            for camera in "ab":
                image = grey(int(time_s > 0) * 5, 160, 120)
                sink.write(make_result(0, Tracks.empty(), image, time_s, camera=camera))
    images, times, _ = read_video(tmp_path / "m.mp4")
    assert [float(time) for time in times] == pytest.approx([0, written_s])
    assert len(images) == 2  # the same picture is not written again
