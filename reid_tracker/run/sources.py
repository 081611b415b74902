"""The sources of a run: opened together, with different names."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack

from reid_tracker.config import Config
from reid_tracker.errors import ConfigError
from reid_tracker.video import Source, open_sources


def open_run_sources(names: list[str], config: Config, stack: ExitStack) -> list[Source]:
    """Open every source before any model is loaded, so that a typing error shows at once.

    Args:
        names: sources, and lists of sources.
        config: of the run.
        stack: closes them.

    Raises:
        ReidTrackerError: a source cannot be opened.
    """
    video = config.video
    sources = open_sources(
        names, stride=video.stride, frame_rate=video.frame_rate, stream=config.stream
    )
    for source in sources:
        stack.callback(source.close)
    return with_distinct_names(sources)


def with_distinct_names(sources: list[Source], used: Iterable[str] = ()) -> list[Source]:
    """Number sources that share a name: two folders may both hold a camera.mp4.

    Args:
        sources: renamed where their names are taken.
        used: names that are taken already.
    """
    taken = set(used)
    for source in sources:
        name, number = source.name, 1
        while source.name in taken:
            number += 1
            source.name = f"{name}-{number}"
        taken.add(source.name)
    return sources


def check_replay(config: Config, sources: int) -> None:
    """Refuse recorded detections for several sources, since they belong to one.

    Raises:
        ConfigError: there are several sources.
    """
    if config.detector.model.lower().endswith(".txt") and sources > 1:
        raise ConfigError(
            f"{config.detector.model} holds the detections of one video, but {sources} "
            "sources are given; run them one by one"
        )
