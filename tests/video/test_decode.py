"""Frames out of a container: numbered, counted, and read past what is damaged."""

from __future__ import annotations

import logging
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.logging
import pytest

from reid_tracker.errors import SourceError
from reid_tracker.types import Frame
from reid_tracker.video import open_source
from reid_tracker.video.decode import DecodeReport, decode_frames
from tests.video.clips import FRAMES, NTSC, cut, damage, number_of, write_clip

MANY = 60


def decode(path: Path) -> tuple[list[int], DecodeReport]:
    report = DecodeReport()
    with av.open(str(path)) as container:
        numbers = [n for n, _ in decode_frames(container, container.streams.video[0], report)]
    return numbers, report


def test_a_closed_source_leaves_no_log_that_waits_for_python(tmp_path: Path) -> None:
    av.logging.set_level(av.logging.ERROR)  # torchvision did this for years
    try:
        open_source(write_clip(tmp_path / "clip.mp4")).close()
        assert av.logging.get_level() is None
    finally:
        av.logging.set_level(None)


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.avi"])
def test_counts_a_sound_file(tmp_path: Path, name: str) -> None:
    numbers, report = decode(write_clip(tmp_path / name))
    assert numbers == list(range(FRAMES))
    assert (report.packets, report.frames) == (FRAMES, FRAMES)
    assert (report.lost, report.damaged, report.stopped_by) == (0, 0, None)
    assert report.end > 0


def test_avi_times_are_in_order_although_frames_are_reordered(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.avi", encoder={"bf": "3"})
    with av.open(str(path)) as container:
        decoded = decode_frames(container, container.streams.video[0], DecodeReport())
        times = [frame.pts for _, frame in decoded]
    assert times == sorted(times, key=lambda pts: pts or 0)


def test_what_is_lost_or_damaged_is_counted(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.avi", 60, codec="mpeg4", noise=True)
    _, report = decode(damage(path, 0.5, 2000))
    assert report.frames + report.lost <= 60
    assert report.lost + report.damaged > 0 or report.stopped_by is not None


def test_a_lost_frame_leaves_a_gap_in_the_numbers(tmp_path: Path) -> None:
    report = DecodeReport()
    with av.open(str(write_clip(tmp_path / "clip.mp4", codec="mpeg4"))) as container:
        stream = container.streams.video[0]
        real = container.demux(stream)

        class Lossy:
            """The container, whose sixth packet is marked as damaged."""

            format = container.format

            def demux(self, stream: Any) -> Any:
                for number, packet in enumerate(real):
                    packet.is_corrupt = number == 5
                    yield packet

        numbers = [n for n, _ in decode_frames(Lossy(), stream, report)]  # type: ignore[arg-type]
    assert report.lost == 1
    assert numbers == [number for number in range(FRAMES) if number != 5]


@pytest.mark.parametrize("bf", ["0", "3"])
def test_joined_segments_lose_no_frame(tmp_path: Path, bf: str) -> None:
    segment = write_clip(tmp_path / "one.ts", 12, encoder={"bf": bf}).read_bytes()
    (tmp_path / "joined.ts").write_bytes(segment * 3)
    frames = list(open_source(tmp_path / "joined.ts"))
    assert [number_of(frame.image) for frame in frames] == [*range(12)] * 3
    expected = [float(number / NTSC) for number in range(36)]
    assert [frame.timestamp_s for frame in frames] == pytest.approx(expected, abs=1e-3)


def test_a_playlist_with_a_discontinuity_loses_no_frame(tmp_path: Path) -> None:
    for name in ("a.ts", "b.ts"):
        write_clip(tmp_path / name, 12, encoder={"bf": "2"})
    (tmp_path / "list.m3u8").write_text(
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n#EXTINF:0.4,\na.ts\n"
        "#EXT-X-DISCONTINUITY\n#EXTINF:0.4,\nb.ts\n#EXT-X-ENDLIST\n"
    )
    frames = list(open_source(tmp_path / "list.m3u8"))
    assert [number_of(frame.image) for frame in frames] == [*range(12)] * 2


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
    path = write_clip(tmp_path / name, MANY, codec=codec, noise=True, muxer=muxer)
    frames, warning = read(cut(path, 0.6), caplog)
    assert 15 < len(frames) < 50
    assert [frame.index for frame in frames] == list(range(len(frames)))
    assert [number_of(frame.image) for frame in frames] == list(range(len(frames)))
    assert re.search(rf"{name} is damaged or cut short: {len(frames)} of {MANY} frames", warning)


def test_cut_between_two_frames_is_noticed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_clip(tmp_path / "clip.avi", MANY, codec="mpeg4", noise=True)
    data = path.read_bytes()
    chunks = [match.start() for match in re.finditer(b"00dc", data)]
    path.write_bytes(data[: chunks[31]])  # the first match is in the header
    frames, warning = read(path, caplog)
    assert len(frames) == 30
    assert f"30 of {MANY}" in warning


@pytest.mark.parametrize(
    ("name", "codec"),
    [("c.mp4", "libx264"), ("c.avi", "mpeg4"), ("c.ts", "libx264")],
)
def test_reading_goes_on_behind_damage(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, codec: str
) -> None:
    path = write_clip(tmp_path / name, MANY, codec=codec, noise=True, encoder={"g": "10"})
    size = path.stat().st_size // 20
    frames, _ = read(damage(path, 0.4, size), caplog)
    assert MANY - 12 < len(frames) <= MANY
    numbers = [number_of(frame.image) for frame in frames]
    assert numbers[:3] == [0, 1, 2]
    assert numbers[-10:] == list(range(MANY - 10, MANY))


def test_lost_frames_leave_a_gap_in_the_numbers(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_clip(tmp_path / "clip.mp4", MANY, noise=True, encoder={"g": "1"})
    data = path.read_bytes()
    size = len(data) // 12
    frames, warning = read(damage(path, 0.5, size), caplog)
    lost = MANY - len(frames)
    assert lost > 0
    assert f"{lost} could not be decoded" in warning
    assert frames[-1].index == MANY - 1
    assert [number_of(frame.image) for frame in frames[-5:]] == [f.index for f in frames[-5:]]


def test_mkv_is_read_behind_a_damaged_cluster(tmp_path: Path) -> None:
    path = write_clip(
        tmp_path / "clip.mkv",
        MANY,
        noise=True,
        encoder={"g": "5"},
        muxer={"cluster_time_limit": "300"},
    )
    frames = list(open_source(damage(path, 0.4, path.stat().st_size // 20)))
    numbers = [number_of(frame.image) for frame in frames]
    assert numbers[-10:] == list(range(MANY - 10, MANY))
    # libav steps over the bad cluster in silence; the times at least tell of the hole.
    assert [frame.timestamp_s for frame in frames] == pytest.approx(
        [float(number / NTSC) for number in numbers], abs=1e-3
    )


def test_index_at_the_end_cut_off_is_an_error(tmp_path: Path) -> None:
    path = cut(write_clip(tmp_path / "clip.mp4", MANY, noise=True), 0.7)
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
