"""Telling sources apart, and refusing what is none."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reid_tracker.config import StreamConfig
from reid_tracker.errors import ConfigError, InputError, SourceError
from reid_tracker.video import open_source
from tests.video.clips import write_clip


def test_importing_loads_no_heavy_package() -> None:
    code = (
        "import sys, reid_tracker.video; "
        "sys.exit(bool({'cv2', 'av', 'supervision', 'torch'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("source", ["nowhere.mp4", "nowhere/", "", "-1", "true"])
def test_missing_source_is_refused(source: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no source|no images") as caught:
        open_source(f"{tmp_path}/none/{source}" if "now" in source else source)
    assert "\n" not in str(caught.value)


def test_file_address_is_a_file(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "my clip.mp4", 2)
    assert sum(1 for _ in open_source(path.as_uri())) == 2


@pytest.mark.parametrize("scheme", ["rtsp", "http", "rtmp"])
def test_unreachable_address_is_refused_at_once(scheme: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        port = free.getsockname()[1]
        start = time.monotonic()
        with pytest.raises(SourceError) as caught:
            open_source(f"{scheme}://admin:hunter2@127.0.0.1:{port}/live?token=hunter3")
    assert time.monotonic() - start < 10
    message = str(caught.value)
    assert "hunter" not in message
    assert f"{scheme}://***@127.0.0.1:{port}/live" in message
    assert "\n" not in message


@pytest.mark.parametrize("scheme", ["rtsp", "http"])
def test_silent_address_is_given_up(scheme: str) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        start = time.monotonic()
        with pytest.raises(SourceError, match="expected a video stream"):
            open_source(
                f"{scheme}://127.0.0.1:{silent.getsockname()[1]}/live",
                stream=StreamConfig(open_timeout_s=0.5),
            )
    assert time.monotonic() - start < 10


def test_unknown_protocol_is_refused() -> None:
    with pytest.raises(SourceError, match="nonsense://host"):
        open_source("nonsense://host/x")


@pytest.mark.parametrize("source", [None, 1.0, True, b"a.mp4", ["a.mp4"], np.zeros((9, 9, 3)), {}])
def test_what_is_no_source_is_refused(source: Any) -> None:
    with pytest.raises(InputError, match="expected a path, an address or a camera's number"):
        open_source(source)


@pytest.mark.parametrize(
    "option", [{"stride": "2"}, {"stride": 1.5}, {"frame_rate": "25"}, {"frame_rate": [25]}]
)
def test_options_that_are_no_numbers_are_refused(option: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(option))):
        open_source("none.mp4", **option)
