"""Credentials never show, and names are fit for files."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reid_tracker.video import redact
from reid_tracker.video.naming import is_url, safe_name, url_name


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
