"""The sources of a run: opened together, with different names."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path

from reid_tracker.config import Config
from reid_tracker.config.checked import shown
from reid_tracker.errors import ConfigError
from reid_tracker.sink import output_paths
from reid_tracker.video import CameraEntry, Source, open_entries

_log = logging.getLogger(__name__)


def open_run_sources(
    entries: Sequence[CameraEntry], config: Config, stack: ExitStack
) -> list[Source]:
    """Open every source before any model is loaded, so that a typing error is reported at once.

    Args:
        entries: of `read_entries`.
        config: of the run.
        stack: closes them.

    Raises:
        ReidTrackerError: a source cannot be opened.
    """
    video = config.video
    sources = open_entries(
        entries, stride=video.stride, frame_rate=video.frame_rate, stream=config.stream
    )
    for source in sources:
        stack.callback(source.close)
    return with_distinct_names(sources)


def with_distinct_names(sources: list[Source], used: Iterable[str] = ()) -> list[Source]:
    """Add numbers to names of sources that clash, or whose files would have the same name.

    Two folders may both hold a camera.mp4; files of "hall_global" and "mosaic" have the names of
    the final files of "hall", and of the mosaic of all cameras.

    Args:
        sources: renamed where their names are taken.
        used: names that are taken already.
    """
    names, files = set(used), Counter(output_paths(Path(), ()))
    for camera in names:
        files += _files_of(camera)
    for source in sources:
        name, number = source.name, 1
        while source.name in names or files & _files_of(source.name):
            number += 1
            source.name = f"{name}-{number}"
        if number > 1 and name not in names:
            _log.warning(
                "camera '%s' is renamed '%s' in this run: its files would clash with others",
                shown(name, str),
                shown(source.name, str),
            )
        names.add(source.name)
        files += _files_of(source.name)
    return sources


def _files_of(camera: str) -> Counter[Path]:
    """Return the files that a camera of a run may have, without the shared ones."""
    return Counter(output_paths(Path(), [camera])) - Counter(output_paths(Path(), ()))


def check_replay(config: Config, sources: int) -> None:
    """Refuse recorded detections for several sources, since they belong to one video.

    Raises:
        ConfigError: there are several sources.
    """
    if config.detector.model.lower().endswith(".txt") and sources > 1:
        raise ConfigError(
            f"{config.detector.model} holds the detections of one video, but {sources} "
            "sources are given; run them one by one"
        )
