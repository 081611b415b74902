"""Files that are cut short or damaged give what they have, and one warning."""

from __future__ import annotations

import logging
import re
from fractions import Fraction
from pathlib import Path

import pytest

from reid_tracker.errors import SourceError
from reid_tracker.types import Frame
from reid_tracker.video import open_source
from tests.video.clips import NTSC, cut, damage, number_of, write_clip

FRAMES = 60


def read(path: Path, caplog: pytest.LogCaptureFixture) -> tuple[list[Frame], str]:
    """Read a bad file; returns its frames and the one warning."""
    with caplog.at_level(logging.WARNING):
        frames = list(open_source(path))
    assert len(caplog.records) == 1
    times = [frame.timestamp_s for frame in frames]
    assert times == sorted(set(times))
    return frames, caplog.messages[0]


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("clip.mp4", "libx264"),
        ("clip.mp4", "mpeg4"),
        ("clip.mkv", "libx264"),
        ("clip.mkv", "mpeg4"),
        ("clip.avi", "libx264"),
        ("clip.avi", "mpeg4"),
    ],
)
def test_cut_file_gives_its_beginning(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    name: str,
    codec: str,
) -> None:
    muxer = {"movflags": "faststart"} if name == "clip.mp4" else {}
    path = write_clip(tmp_path / name, FRAMES, codec=codec, noise=True, muxer=muxer)
    frames, warning = read(cut(path, 0.6), caplog)
    assert 15 < len(frames) < 50
    assert [frame.index for frame in frames] == list(range(len(frames)))
    assert [number_of(frame.image) for frame in frames] == list(range(len(frames)))
    assert re.search(rf"{name} is damaged or cut short: {len(frames)} of {FRAMES} frames", warning)


def test_cut_between_two_frames_is_noticed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_clip(tmp_path / "clip.avi", FRAMES, codec="mpeg4", noise=True)
    data = path.read_bytes()
    chunks = [match.start() for match in re.finditer(b"00dc", data)]
    path.write_bytes(data[: chunks[31]])  # the first match is in the header
    frames, warning = read(path, caplog)
    assert len(frames) == 30
    assert f"30 of {FRAMES}" in warning


@pytest.mark.parametrize(
    ("name", "codec"),
    [("c.mp4", "libx264"), ("c.avi", "mpeg4"), ("c.ts", "libx264")],
)
def test_reading_goes_on_behind_damage(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, codec: str
) -> None:
    path = write_clip(tmp_path / name, FRAMES, codec=codec, noise=True, encoder={"g": "10"})
    size = path.stat().st_size // 20
    frames, _ = read(damage(path, 0.4, size), caplog)
    assert FRAMES - 12 < len(frames) <= FRAMES
    numbers = [number_of(frame.image) for frame in frames]
    assert numbers[:3] == [0, 1, 2]
    assert numbers[-10:] == list(range(FRAMES - 10, FRAMES))


def test_lost_frames_leave_a_gap_in_the_numbers(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_clip(tmp_path / "clip.mp4", FRAMES, noise=True, encoder={"g": "1"})
    data = path.read_bytes()
    size = len(data) // 12
    frames, warning = read(damage(path, 0.5, size), caplog)
    lost = FRAMES - len(frames)
    assert lost > 0
    assert f"{lost} could not be decoded" in warning
    assert frames[-1].index == FRAMES - 1
    assert [number_of(frame.image) for frame in frames[-5:]] == [f.index for f in frames[-5:]]


def test_mkv_is_read_behind_a_damaged_cluster(tmp_path: Path) -> None:
    path = write_clip(
        tmp_path / "clip.mkv",
        FRAMES,
        noise=True,
        encoder={"g": "5"},
        muxer={"cluster_time_limit": "300"},
    )
    frames = list(open_source(damage(path, 0.4, path.stat().st_size // 20)))
    numbers = [number_of(frame.image) for frame in frames]
    assert numbers[-10:] == list(range(FRAMES - 10, FRAMES))
    # libav steps over the bad cluster in silence; the times at least tell of the hole.
    assert [frame.timestamp_s for frame in frames] == pytest.approx(
        [float(number / NTSC) for number in numbers], abs=1e-3
    )


def test_index_at_the_end_cut_off_is_an_error(tmp_path: Path) -> None:
    path = cut(write_clip(tmp_path / "clip.mp4", FRAMES, noise=True), 0.7)
    with pytest.raises(SourceError, match=r"clip\.mp4"):
        open_source(path)


def test_dropped_frames_of_an_avi_are_no_damage(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    times = [k / 25 for k in range(30) if not 10 <= k < 20]
    path = tmp_path / "clip.avi"
    write_clip(path, len(times), Fraction(25), codec="mpeg4", times_s=times, tick=Fraction(1, 25))
    frames = list(open_source(path))
    assert [frame.timestamp_s for frame in frames] == pytest.approx(times, abs=1e-6)
    assert caplog.records == []
