"""Credentials never show, and names are fit for files."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reid_tracker.errors import SourceError
from reid_tracker.video import open_source, redact
from reid_tracker.video.naming import is_url, printable, safe_name, url_name


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("rtsp://10.0.0.5:554/door", "rtsp://10.0.0.5:554/door"),
        ("rtsp://admin:secret@10.0.0.5:554/door", "rtsp://***@10.0.0.5:554/door"),
        ("rtsp://admin@10.0.0.5/door", "rtsp://***@10.0.0.5/door"),
        ("rtsp://u:p@ss@host/door", "rtsp://***@host/door"),
        ("rtsp://u:p/ss@host/door", "rtsp://***@host/door"),
        ("rtsp://u:p#ss@host/door", "rtsp://***@host/door"),
        ("rtsp://u:p@/ss@host/door", "rtsp://***@host/door"),
        ("http://host/a@b.mp4", "http://host/a@b.mp4"),
        ("http://host/v.m3u8?token=abc", "http://host/v.m3u8?token=***"),
        ("http://host/v?abc", "http://host/v?***"),
        ("rtsp://h/m?channel=1&subtype=0", "rtsp://h/m?channel=1&subtype=0"),
        ("rtsp://h/m?user=1&pwd=2", "rtsp://h/m?user=***&pwd=***"),
        ("rtsp://[::1]:554/x", "rtsp://[::1]:554/x"),
        ("plain.mp4", "plain.mp4"),
    ],
)
def test_redact(url: str, expected: str) -> None:
    assert redact(url) == expected


@given(st.text(max_size=8), st.text(max_size=8), st.sampled_from(["", ":554", ":8080/x"]))
def test_no_password_passes(before: str, after: str, port: str) -> None:
    url = f"rtsp://admin:{before}HIDDEN{after}@host{port}/stream"
    assert "HIDDEN" not in redact(url)
    assert "HIDDEN" not in url_name(url)


@given(st.text())
def test_name_is_a_file_name_stem(text: str) -> None:
    name = safe_name(text)
    assert re.fullmatch(r"[\w.-]+", name)
    assert 0 < len(name.encode()) <= 120
    assert name[0] != "."


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("rtsp://u:p@10.0.0.5:554/cam1/main", "10.0.0.5_554_cam1_main"),
        ("rtsp://h/m?channel=2&token=9999", "h_m_channel_2_token"),
        ("http://***@/", "source"),
    ],
)
def test_name_of_a_url(url: str, expected: str) -> None:
    assert url_name(url) == expected


@pytest.mark.parametrize(
    "text", ["video.mp4", "C:\\clips\\a.mp4", "C://a.mp4", "/x//y", "0", "ab://"]
)
def test_is_url(text: str) -> None:
    assert is_url(text) == text.startswith("ab://")


def test_names_with_control_characters_cannot_steer_a_terminal(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    odd = "a\x1b[2J\x07\n\u202ea\x9b.mp4"
    assert printable(odd) == r"a\x1b[2J\x07\n\u202ea\x9b.mp4"
    assert printable("Kamera Tür 門") == "Kamera Tür 門"
    assert "\x1b" not in redact("rtsp://u:p@host/\x1b[2J")
    for name in (odd, odd.replace("mp4", "jpg")):
        with pytest.raises(SourceError) as caught:
            open_source(tmp_path / name)
        (tmp_path / name).write_text("no video")
        with pytest.raises(SourceError) as unreadable:
            open_source(tmp_path / name)
        assert f"{caught.value}{unreadable.value}".isprintable()
    folder = tmp_path / odd
    folder.unlink()
    put = folder / "odd\x1b.png"
    folder.mkdir()
    cv2.imwrite(str(folder / "a.png"), np.zeros((8, 8, 3), np.uint8))
    put.write_text("no picture")
    assert len(list(open_source(folder))) == 1
    assert caplog.messages
    assert all(message.isprintable() for message in caplog.messages)
