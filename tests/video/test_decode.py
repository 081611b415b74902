"""Frames out of a container: numbered, counted, and read past what is damaged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import pytest

from reid_tracker.video.decode import DecodeReport, decode_frames
from tests.video.clips import FRAMES, damage, write_clip


def decode(path: Path) -> tuple[list[int], DecodeReport]:
    report = DecodeReport()
    with av.open(str(path)) as container:
        numbers = [n for n, _ in decode_frames(container, container.streams.video[0], report)]
    return numbers, report


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
