"""The cameras of a long-running program: their list is read again, and may be wrong."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest

from reid_tracker.config import Config
from reid_tracker.edge.camera_set import CameraSet
from reid_tracker.errors import ConfigError
from tests.conftest import write_video


def no_long_names(names: Sequence[str]) -> None:
    for name in names:
        if len(name) > 20:
            raise ConfigError(f"{name} is too long")


def write_list(path: Path, *names: str) -> None:
    video = write_video(path.with_name("walk.mp4"))
    path.write_text("cameras:\n" + "".join(f"- {{name: {n}, url: {video}}}\n" for n in names))


def test_a_name_that_cannot_be_used_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cameras = tmp_path / "cameras.yaml"
    write_list(cameras, "door")
    with CameraSet([str(cameras)], Config(), no_long_names) as opened:
        write_list(cameras, "door", "yard" * 10)
        os.kill(os.getpid(), signal.SIGHUP)
        assert opened.changes() is None
        (line,) = [record.message for record in caplog.records]
        assert "is too long; nothing was changed" in line
        write_list(cameras, "door", "yard")
        os.kill(os.getpid(), signal.SIGHUP)
        changes = opened.changes()
        assert changes is not None
        assert [source.name for source in changes.added] == ["yard"]
        assert changes.removed == []
        assert [source.name for source in opened.sources] == ["door", "yard"]


def test_names_are_checked_at_the_start(tmp_path: Path) -> None:
    cameras = tmp_path / "cameras.yaml"
    write_list(cameras, "yard" * 10)
    with pytest.raises(ConfigError, match="too long"):
        CameraSet([str(cameras)], Config(), no_long_names)
