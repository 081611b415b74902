"""What holds for every kind of source."""

from __future__ import annotations

import functools
import http.server
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from reid_tracker.errors import ConfigError, SourceError
from reid_tracker.video import Source, open_source
from tests.video.clips import FRAMES, FakeCapture, number_of, write_clip, write_images
from tests.video.web_server import serving

Opener = Callable[..., Source]


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    """Address of a local web server for the test's folder."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(tmp_path))
    with serving(handler) as address:
        yield address


@pytest.fixture(
    params=["mp4", "mkv", "avi", "avi-h264", "ts", "folder", "sequence", "glob", "camera", "http"]
)
def opener(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Opener:
    """Opens one kind of source with FRAMES numbered frames."""
    match request.param:
        case "mp4" | "mkv" | "ts" as suffix:
            source: str | Path | int = write_clip(tmp_path / f"my clip.{suffix}", FRAMES)
        case "avi":
            source = write_clip(tmp_path / "c.avi", FRAMES, codec="mpeg4")
        case "avi-h264":
            source = write_clip(tmp_path / "c.avi", FRAMES)
        case "folder":
            source = write_images(tmp_path / "shots", FRAMES)
        case "sequence":
            source = write_images(tmp_path / "MOT-1" / "img1", FRAMES).parent
        case "glob":
            source = f"{write_images(tmp_path / 'shots', FRAMES)}/fr*.png"
        case "camera":
            monkeypatch.setattr(cv2, "VideoCapture", FakeCapture)
            source = "0"
        case _:
            write_clip(tmp_path / "c.mp4", FRAMES, muxer={"movflags": "faststart"})
            source = request.getfixturevalue("web") + "/c.mp4"
    return functools.partial(open_source, source)


def test_yields_every_frame_once_in_order(opener: Opener) -> None:
    frames = list(opener())
    assert [frame.index for frame in frames] == list(range(FRAMES))
    assert [number_of(frame.image) for frame in frames] == list(range(FRAMES))


def test_frames_are_contiguous_bgr(opener: Opener) -> None:
    source = opener()
    assert isinstance(source, Source)
    for frame in source:
        assert frame.image.dtype == np.uint8
        assert frame.image.shape == (source.info.height, source.info.width, 3)
        assert frame.image.flags.c_contiguous


def test_time_starts_at_zero_and_increases(opener: Opener) -> None:
    times = [frame.timestamp_s for frame in opener()]
    assert times[0] == 0.0
    assert all(earlier < later for earlier, later in pairwise(times))


def test_stride_leaves_gaps_in_numbers(opener: Opener) -> None:
    frames = list(opener(stride=3))
    assert [frame.index for frame in frames] == list(range(0, FRAMES, 3))
    assert [number_of(frame.image) for frame in frames] == list(range(0, FRAMES, 3))


def test_stride_below_one_is_refused(opener: Opener) -> None:
    with pytest.raises(ConfigError, match="stride = 0"):
        opener(stride=0)


def test_closes_itself_at_the_end(opener: Opener) -> None:
    source = opener()
    assert sum(1 for _ in source) == FRAMES
    with pytest.raises(SourceError, match="open_source"):
        iter(source)
    source.close()


def test_closes_with_the_with_statement(opener: Opener) -> None:
    with opener() as source:
        next(iter(source))
    with pytest.raises(SourceError):
        iter(source)


def test_closing_in_the_middle_ends_the_loop(opener: Opener) -> None:
    source = opener()
    seen = 0
    for _ in source:
        seen += 1
        source.close()
    assert seen == 1


def test_a_loop_left_early_can_be_taken_up_again(opener: Opener) -> None:
    with opener() as source:
        for frame in source:
            if frame.index == 4:
                break
        assert [frame.index for frame in source] == list(range(5, FRAMES))


def test_frames_of_the_past_stay_as_they_were(opener: Opener) -> None:
    frames = list(opener())
    assert number_of(frames[0].image) == 0
    frames[1].image[:] = 0
    assert number_of(frames[2].image) == 2


def test_name_is_a_file_name_stem(opener: Opener) -> None:
    assert re.fullmatch(r"[\w.-]+", opener().name)


def test_knows_size_and_rate_before_reading(opener: Opener) -> None:
    with opener() as source:
        assert (source.info.width, source.info.height) == (64, 48)
        assert source.info.frame_rate > 0
        assert source.info.frame_count in (None, FRAMES)


def test_only_the_camera_is_live(opener: Opener) -> None:
    with opener() as source:
        assert source.live == source.name.startswith("camera")
