"""One connection, to a file in place of a camera."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from reid_tracker.config import StreamConfig
from reid_tracker.errors import ConfigError
from reid_tracker.video.address import StreamAddress
from reid_tracker.video.connection import (
    Connection,
    ConnectionBroken,
    DecodedPicture,
    check_stream_config,
    is_live_address,
)
from reid_tracker.video.picture import to_upright_bgr
from tests.video.clips import FRAMES, damage, number_of, write_clip

CONFIG = StreamConfig(hardware="none")


def read(connection: Connection) -> tuple[list[DecodedPicture], str]:
    """Read to the end; returns the pictures, and why it ended."""
    pictures = []
    try:
        for picture in connection.pictures():
            pictures.append(picture)  # noqa: PERF402 - the error ends the loop
    except ConnectionBroken as broken:
        return pictures, broken.reason
    finally:
        connection.close()
    raise AssertionError("a connection ends with ConnectionBroken only")


def test_gives_every_picture_with_its_time_until_the_end(tmp_path: Path) -> None:
    connection = Connection(
        StreamAddress("rtsp://door", str(write_clip(tmp_path / "c.mp4", rate=Fraction(25)))), CONFIG
    )
    assert connection.frame_rate == 25
    pictures, reason = read(connection)
    assert reason == "the stream ended"
    assert [picture.pts_s for picture in pictures] == [k / 25 for k in range(FRAMES)]
    assert connection.damaged == 0


def test_damaged_pictures_are_counted_and_left_out(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "c.avi", 60, codec="mpeg4", noise=True)
    connection = Connection(StreamAddress("x", str(damage(path, 0.3, 3000))), CONFIG)
    pictures, _ = read(connection)
    assert connection.damaged > 0
    assert 0 < len(pictures) < 60


@pytest.mark.parametrize("bf", ["0", "3"])
def test_joined_segments_lose_no_picture(tmp_path: Path, bf: str) -> None:
    segment = write_clip(tmp_path / "one.ts", 12, encoder={"bf": bf}).read_bytes()
    (tmp_path / "joined.ts").write_bytes(segment * 3)
    connection = Connection(StreamAddress("x", str(tmp_path / "joined.ts")), CONFIG)
    pictures, reason = read(connection)
    assert reason == "the stream ended"
    numbers = [number_of(to_upright_bgr(picture.frame)) for picture in pictures]
    assert numbers == [*range(12)] * 3


def test_only_what_may_be_a_recording_ends(tmp_path: Path) -> None:
    path = str(write_clip(tmp_path / "c.ts"))
    for config, ends in ((CONFIG, True), (replace(CONFIG, live=True), False)):
        with pytest.raises(ConnectionBroken) as caught:
            list(Connection(StreamAddress("x", path), config).pictures())
        assert caught.value.ended is ends
    assert is_live_address("RTSP://door/1")
    assert not is_live_address("https://door/1")


def test_what_is_no_video_is_a_broken_connection_without_its_address(tmp_path: Path) -> None:
    secret = tmp_path / "hunter2"
    secret.write_text("no video")
    with pytest.raises(ConnectionBroken) as caught:
        Connection(StreamAddress("x", str(secret)), CONFIG)
    assert "hunter2" not in caught.value.reason
    assert not caught.value.refused


def test_an_unknown_transport_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"stream\.transport = 'pigeon': expected tcp or udp"):
        check_stream_config(StreamConfig(transport="pigeon", hardware="none"))


def test_pictures_that_are_too_large_break_the_connection_with_a_clear_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = StreamAddress("x", str(write_clip(tmp_path / "clip.ts")))
    monkeypatch.setattr("reid_tracker.picture_size.MOST_PIXELS", 1000)
    with pytest.raises(ConnectionBroken, match="64 x 48 pixels, at most 1,000"):
        Connection(address, CONFIG)
    monkeypatch.undo()
    monkeypatch.setattr("reid_tracker.video.connection.MOST_PIXELS", 1000)  # not known before
    pictures, reason = read(Connection(address, CONFIG))
    assert (pictures, reason) == ([], "its pictures have more than 1,000 pixels")
