"""The video: timing, sizes, pixels, and what players need."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from reid_tracker.sink.video import writer as video
from reid_tracker.sink.video.writer import VideoSink, fit_to_canvas, with_even_sides
from reid_tracker.types import FrameResult, ImageBGR, VideoInfo
from tests.sink.readers import read_video
from tests.sink.results import INFO, grey, make_result, number_of


def write(
    path: Path, results: list[FrameResult], info: VideoInfo = INFO, crf: int = 23
) -> tuple[list[ImageBGR], list[Fraction], Fraction]:
    with VideoSink(path, info, crf=crf) as sink:
        for result in results:
            sink.write(result)
    return read_video(path)


@pytest.mark.parametrize(
    "rate",
    [
        Fraction(30000, 1001),
        Fraction(24000, 1001),
        Fraction(25),
        Fraction(10),
        Fraction(1),
        Fraction(15, 2),
        Fraction(2997, 100),
        Fraction(1000),
    ],
)
def test_constant_rate_is_exact(tmp_path: Path, rate: Fraction) -> None:
    results = [make_result(k, timestamp_s=float(k / rate)) for k in range(19)]
    images, times, average = write(tmp_path / "o.mp4", results, VideoInfo(64, 48, rate))
    assert average == rate
    assert times == [k / rate for k in range(19)]
    assert [number_of(image) for image in images] == list(range(19))


def test_absurd_rate_is_close(tmp_path: Path) -> None:
    rate = Fraction(10**12 + 1, 3 * 10**10)
    results = [make_result(k, timestamp_s=float(k / rate)) for k in range(5)]
    _, times, _ = write(tmp_path / "o.mp4", results, VideoInfo(64, 48, rate))
    assert [float(time) for time in times] == pytest.approx([float(k / rate) for k in range(5)])


def test_variable_rate_keeps_its_times(tmp_path: Path) -> None:
    given = [7.0, 7.04, 7.05, 7.5, 9.0, 9.001, 13.5]
    results = [make_result(k, timestamp_s=time) for k, time in enumerate(given)]
    _, times, _ = write(tmp_path / "o.mp4", results)
    assert [float(time) for time in times] == pytest.approx([t - 7 for t in given], abs=1e-5)


def test_stride_keeps_its_times(tmp_path: Path) -> None:
    results = [make_result(k) for k in range(0, 60, 6)]
    _, times, average = write(tmp_path / "o.mp4", results)
    assert times == [k / INFO.frame_rate for k in range(0, 60, 6)]
    assert average == INFO.frame_rate / 6


def test_times_finer_than_a_tick_still_increase(tmp_path: Path) -> None:
    results = [make_result(k, timestamp_s=k * 1e-7) for k in range(5)]
    images, times, _ = write(tmp_path / "o.mp4", results)
    assert len(images) == 5
    assert times == sorted(set(times))


def test_browsers_can_play_it(tmp_path: Path) -> None:
    path = tmp_path / "o.mp4"
    write(path, [make_result(k) for k in range(90)])
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
        assert stream.frames == 90  # an ordinary MP4 with one index, not fragments
        assert stream.start_time == 0
        assert stream.duration is not None
        assert stream.time_base is not None
        assert stream.duration * stream.time_base == 90 / INFO.frame_rate
    boxes = top_boxes(path.read_bytes())
    assert boxes[0] == b"ftyp"
    assert boxes.count(b"moov") == 1
    assert b"moof" not in boxes


def top_boxes(data: bytes) -> list[bytes]:
    """Names of the boxes at the top level of an MP4."""
    names, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        names.append(data[at + 4 : at + 8])
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16], "big")
        at += size
    return names


def test_older_ffmpeg_falls_back_to_fragments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(video, "_MOVFLAGS", ("flag_of_the_future", video._MOVFLAGS[-1]))
    path = tmp_path / "o.mp4"
    images, times, _ = write(path, [make_result(k) for k in range(19)])
    assert [number_of(image) for image in images] == list(range(19))
    assert times == [k / INFO.frame_rate for k in range(19)]
    assert b"moof" in top_boxes(path.read_bytes())


def test_one_frame_is_a_video(tmp_path: Path) -> None:
    images, _, _ = write(tmp_path / "o.mp4", [make_result()])
    assert len(images) == 1


@pytest.mark.parametrize("size", [(63, 47), (64, 47), (63, 48), (1, 1), (2, 2)])
def test_odd_sides_grow_by_one(tmp_path: Path, size: tuple[int, int]) -> None:
    image = grey(5, *size)
    images, _, _ = write(tmp_path / "o.mp4", [make_result(0, image=image)] * 1)
    width, height = (side + side % 2 for side in size)
    assert images[0].shape == (height, width, 3)
    assert np.abs(images[0].astype(int) - 75).max() < 4


def test_another_size_is_fitted_to_the_first(tmp_path: Path) -> None:
    sizes = [(64, 48), (128, 96), (32, 48), (63, 47)]
    results = [make_result(k, image=grey(10, *size)) for k, size in enumerate(sizes)]
    images, _, _ = write(tmp_path / "o.mp4", results, crf=5)
    assert {image.shape for image in images} == {(48, 64, 3)}
    assert [number_of(image[:, 24:40]) for image in images] == [10, 10, 10, 10]
    assert images[2][:, :12].mean() < 6
    assert images[2][:, -12:].mean() < 6


def test_canvas_keeps_the_aspect() -> None:
    canvas = fit_to_canvas(np.full((100, 50, 3), 200, np.uint8), 60, 40)
    rows, columns = np.nonzero(canvas[..., 0])
    assert canvas.shape == (40, 60, 3)
    assert (rows.min(), rows.max()) == (0, 39)
    assert columns.max() - columns.min() + 1 == 20


def test_even_sides_keep_pixels_in_place() -> None:
    image = np.arange(3 * 5 * 3, dtype=np.uint8).reshape(3, 5, 3)
    even = with_even_sides(image)
    assert even.shape == (4, 6, 3)
    assert (even[:3, :5] == image).all()


@pytest.mark.parametrize("colour", [(0, 0, 255), (0, 255, 0), (255, 0, 0), (40, 90, 200)])
def test_colours_come_out_as_they_went_in(tmp_path: Path, colour: tuple[int, int, int]) -> None:
    image = np.full((96, 128, 3), colour, np.uint8)
    images, _, _ = write(tmp_path / "o.mp4", [make_result(0, image=image)], crf=1)
    assert np.median(images[0], axis=(0, 1)) == pytest.approx(colour, abs=6)


def test_lower_crf_makes_larger_files(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 255, (48, 64, 3)).astype(np.uint8)
    sizes = []
    for crf in (5, 40):
        write(tmp_path / f"{crf}.mp4", [make_result(0, image=image)], crf=crf)
        sizes.append((tmp_path / f"{crf}.mp4").stat().st_size)
    assert sizes[0] > 1.5 * sizes[1]


@pytest.mark.slow
def test_growing_file_is_readable(tmp_path: Path) -> None:
    path = tmp_path / "o.mp4"
    with VideoSink(path, INFO) as sink:
        for index in range(300):
            sink.write(make_result(index))
        images, _, _ = read_video(path)
        assert len(images) >= 300 - 80


def test_a_pause_beyond_what_mp4_holds_is_shortened(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with VideoSink(tmp_path / "o.mp4", INFO) as sink:
        for index, time_s in enumerate((0.0, 0.1, 30_000.0, 30_000.1, 1e9, 1e9 + 0.1)):
            sink.write(make_result(index, timestamp_s=time_s))
    _, times, _ = read_video(tmp_path / "o.mp4")
    expected = [0, 0.1, 1800.1, 1800.2, 3600.2, 3600.3]
    assert [float(time) for time in times] == pytest.approx(expected, abs=1e-3)
    assert "a pause of 30000 s is shortened to 1800 s" in caplog.text
