"""Names of a run's sources: all files have different names."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import cast

import pytest

from reid_tracker.config import Config, DetectorConfig
from reid_tracker.errors import ConfigError
from reid_tracker.run.sources import check_replay, with_distinct_names
from reid_tracker.sink import output_paths
from reid_tracker.video import Source


class Named:
    """A source of which only the name matters."""

    def __init__(self, name: str) -> None:
        self.name = name


def renamed(*names: str, used: tuple[str, ...] = ()) -> list[str]:
    sources = cast("list[Source]", [Named(name) for name in names])
    return [source.name for source in with_distinct_names(sources, used)]


def test_equal_names_are_numbered() -> None:
    assert renamed("camera", "camera", "door", "camera") == [
        "camera",
        "camera-2",
        "door",
        "camera-3",
    ]
    assert renamed("door", used=("door", "door-2")) == ["door-3"]


@pytest.mark.parametrize(
    "names",
    [
        ("mosaic", "door"),
        ("identities",),
        ("hall", "hall_global"),
        ("hall_global", "hall"),
        ("front door", "front_door"),
        ("a/b", "a:b", "a b"),
        ("mosaic", "mosaic-2"),
    ],
)
def test_no_file_of_a_run_has_the_name_of_another(
    names: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        found = renamed(*names)
    paths = list(output_paths(Path(), found))
    assert len(set(paths)) == len(paths)
    assert len(set(found)) == len(names)
    assert "would clash with others" in caplog.text


def test_files_of_cameras_that_stay_are_kept_too() -> None:
    assert renamed("hall_global", used=("hall",)) == ["hall_global-2"]


def test_recorded_detections_belong_to_one_source() -> None:
    config = Config(detector=DetectorConfig(model="door.TXT"))
    check_replay(config, 1)
    with pytest.raises(ConfigError, match="2 sources are given; run them one by one"):
        check_replay(config, 2)
