"""Video files: exact rates, true times, rotation, and files that are no video."""

from __future__ import annotations

import logging
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from reid_tracker.errors import SourceError
from reid_tracker.video import open_source
from tests.video.clips import NTSC, number_of, numbered, rotate_in_header, write_clip


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi", "ts"])
@pytest.mark.parametrize("rate", [NTSC, Fraction(25), Fraction(24000, 1001), Fraction(10)])
def test_frame_rate_is_exact(tmp_path: Path, suffix: str, rate: Fraction) -> None:
    path = write_clip(tmp_path / f"clip.{suffix}", 12, rate)
    assert open_source(path).info.frame_rate == rate


def test_times_of_a_constant_rate_are_exact(tmp_path: Path) -> None:
    frames = list(open_source(write_clip(tmp_path / "clip.mp4", 60)))
    assert [frame.timestamp_s for frame in frames] == [float(k / NTSC) for k in range(60)]


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_variable_rate_keeps_its_times(tmp_path: Path, suffix: str) -> None:
    times = [0.0, 0.04, 0.05, 0.5, 0.54, 2.0, 2.001, 3.5]
    frames = list(open_source(write_clip(tmp_path / f"clip.{suffix}", 8, times_s=times)))
    assert [frame.timestamp_s for frame in frames] == pytest.approx(times, abs=1e-9)
    assert [number_of(frame.image) for frame in frames] == list(range(8))


def test_time_starts_at_the_first_frame(tmp_path: Path) -> None:
    times = [100 + k / 10 for k in range(5)]
    frames = list(open_source(write_clip(tmp_path / "clip.mkv", 5, times_s=times)))
    assert [frame.timestamp_s for frame in frames] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])


def test_avi_with_reordered_frames_has_even_times(tmp_path: Path) -> None:
    frames = list(open_source(write_clip(tmp_path / "clip.avi", 40, encoder={"bf": "3"})))
    assert [frame.timestamp_s for frame in frames] == pytest.approx(
        [float(k / NTSC) for k in range(40)]
    )


def test_missing_times_follow_the_rate(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.h264", 12, Fraction(25))  # a bare stream has no times
    frames = list(open_source(path))
    assert [frame.timestamp_s for frame in frames] == pytest.approx([k / 25 for k in range(12)])
    assert not open_source(path).live


@pytest.mark.parametrize(
    ("degrees", "code"),
    [
        (90, cv2.ROTATE_90_CLOCKWISE),
        (180, cv2.ROTATE_180),
        (270, cv2.ROTATE_90_COUNTERCLOCKWISE),
    ],
)
def test_phone_video_is_turned_upright(tmp_path: Path, degrees: int, code: int) -> None:
    path = write_clip(tmp_path / "phone.mp4", 7)
    rotate_in_header(path, degrees)
    source = open_source(path)
    for frame in source:
        expected = cv2.rotate(numbered(frame.index), code)
        assert frame.image.shape == expected.shape
        assert frame.image.flags.c_contiguous
        assert np.abs(frame.image.astype(int) - expected).mean() < 4
    width, height = (64, 48) if degrees == 180 else (48, 64)
    assert (source.info.width, source.info.height) == (width, height)


def test_channels_are_blue_green_red(tmp_path: Path) -> None:
    path = tmp_path / "blue.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        image = np.zeros((48, 64, 3), np.uint8)
        image[..., 0] = 255
        container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode(None))
    (frame,) = open_source(path)
    assert frame.image.mean(axis=(0, 1)) == pytest.approx([255, 0, 0], abs=12)


def test_odd_names_are_files_not_protocols(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "cam:1 [day] ü%20.mp4", 3)
    source = open_source(path)
    assert sum(1 for _ in source) == 3
    assert source.name == "cam_1_day_ü_20"


def test_text_named_mp4_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.mp4"
    path.write_text("this is no video\n" * 100)
    with pytest.raises(SourceError, match=r"notes\.mp4.*expected a file that FFmpeg plays"):
        open_source(path)


@pytest.mark.parametrize("name", ["notes.txt", "notes.nfo", "notes.ans", "empty.mp4", "empty.avi"])
def test_text_and_empty_files_are_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("hello\n" * 50 if "notes" in name else "")
    with pytest.raises(SourceError, match=name) as caught:
        open_source(path)
    assert "\n" not in str(caught.value)


def test_video_without_frames_is_refused(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "none.mp4", 0)
    with pytest.raises(SourceError, match=r"none\.mp4"):
        open_source(path)


def test_sound_alone_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), "fltp", "mono")
        sound.rate = 44100
        container.mux(stream.encode(sound))
        container.mux(stream.encode(None))
    with pytest.raises(SourceError, match=r"sound\.mp4 has no video, only audio"):
        open_source(path)


def test_libav_prints_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "notes.mp4"
    path.write_text("no video")
    with pytest.raises(SourceError):
        open_source(path)
    assert capfd.readouterr() == ("", "")


def test_a_whole_file_brings_no_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        for suffix in ("mp4", "mkv", "avi", "ts"):
            list(open_source(write_clip(tmp_path / f"clip.{suffix}", 20)))
    assert caplog.records == []


def test_a_given_rate_replaces_the_files_own(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4", 10, rate=Fraction(30))
    with open_source(path, frame_rate=7) as source:
        assert source.info.frame_rate == 7
        times = [frame.timestamp_s for frame in source]
    np.testing.assert_allclose(times, np.arange(10) / 7)


@pytest.mark.parametrize("matrix", ["bt709", "smpte170m"])
def test_colour_matrix_of_the_file_is_applied(tmp_path: Path, matrix: str) -> None:
    path = tmp_path / "red.mp4"
    options = {"colorspace": matrix, "color_range": "tv"}
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        red = av.VideoFrame.from_ndarray(np.full((48, 64, 3), (20, 40, 210), np.uint8), "bgr24")
        target = "ITU709" if matrix == "bt709" else "SMPTE170M"
        container.mux(stream.encode(red.reformat(format="yuv420p", dst_colorspace=target)))
        container.mux(stream.encode(None))
    (frame,) = open_source(path)
    assert frame.image.mean(axis=(0, 1)) == pytest.approx([20, 40, 210], abs=5)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-24T12:00:00.000000Z", 1_795_521_600.0),
        ("2026-11-24T13:00:00+01:00", 1_795_521_600.0),
        ("1904-01-01T00:00:00Z", None),  # a clock that was never set
        ("1970-01-01T00:00:00Z", None),
        (None, None),
    ],
)
def test_when_a_file_was_recorded(tmp_path: Path, text: str | None, expected: float | None) -> None:
    plain, dated = write_clip(tmp_path / "plain.mkv", 2), tmp_path / "dated.mkv"
    with av.open(str(plain)) as source, av.open(str(dated), "w") as target:
        if text is not None:
            target.metadata["creation_time"] = text
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    assert open_source(dated).info.recorded_s == expected


def test_frames_that_are_too_large_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reid_tracker.picture_size.MOST_PIXELS", 1000)
    with pytest.raises(SourceError, match="64 x 48 pixels, at most 1,000"):
        open_source(write_clip(tmp_path / "clip.mp4"))
    monkeypatch.undo()
    monkeypatch.setattr("reid_tracker.video.av_source.MOST_PIXELS", 1000)  # larger midway
    with pytest.raises(SourceError, match="no frame that can be decoded"):
        open_source(tmp_path / "clip.mp4")
