"""When a recording began, and galleries that a run cannot fill."""

from __future__ import annotations

import logging
import time
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import pytest

from reid_tracker.config import Config, EncoderConfig, GalleryConfig
from reid_tracker.errors import ConfigError
from reid_tracker.run.memory import open_memory, start_of
from reid_tracker.types import VideoInfo


def source(name: str, recorded_s: float | None = None, live: bool = False) -> Any:
    info = replace(VideoInfo(64, 48, Fraction(10)), recorded_s=recorded_s)
    return SimpleNamespace(name=name, info=info, live=live)


def test_the_users_time_goes_first_then_the_clock_then_the_files() -> None:
    files = [source("door", 1_764_000_030.0), source("hall", 1_764_000_000.0)]
    assert start_of("1764009000", files) == 1_764_009_000.0
    assert start_of(None, files) == 1_764_000_000.0
    assert start_of(None, [*files, source("yard", live=True)]) == pytest.approx(time.time(), abs=60)


def test_files_that_say_nothing_or_disagree(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert start_of(None, [source("door")]) == 0.0
    assert "door: the file does not say when it was recorded" in caplog.text
    with caplog.at_level(logging.WARNING):
        far = [source("door", 1_764_000_000.0), source("hall", 1_764_009_000.0)]
        assert start_of(None, far) == 1_764_000_000.0
    assert "run them one by one" in caplog.text


def test_a_gallery_needs_embeddings() -> None:
    config = Config(gallery=GalleryConfig("people.sqlite"), encoder=EncoderConfig("none"))
    with pytest.raises(ConfigError, match="a gallery compares embeddings"), ExitStack() as stack:
        open_memory(config, [], stack, None)
    assert open_memory(Config(), [], ExitStack(), None) is None
