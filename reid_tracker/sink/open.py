"""Opens the sinks that a configuration asks for."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from reid_tracker.config import OutputConfig
from reid_tracker.errors import OutputError
from reid_tracker.sink.base import Sink, SinkGroup
from reid_tracker.sink.files import cannot_write, refuse_existing
from reid_tracker.sink.text.identity_events import IdentityEventSink
from reid_tracker.types import VideoInfo

if TYPE_CHECKING:
    from reid_tracker.sink.crops.best import BestCrops
    from reid_tracker.sink.video.heads import HeadBlur


def open_sinks(
    folder: Path, config: OutputConfig, info: VideoInfo, camera: str, *, overwrite: bool = False
) -> list[Sink]:
    """Open every output that `config` asks for, named after the camera.

    Args:
        folder: where they go; made if it does not exist.
        config: which outputs, and how.
        info: the camera's source.
        camera: name of the camera; its files are `<camera>.mp4`, `.txt` (MOTChallenge), `.jsonl`,
            `.csv` and the folder `<camera>_crops`.
        overwrite: whether earlier outputs may be replaced.

    Returns:
        The sinks; the caller closes them.

    Raises:
        OutputError: an output exists, or cannot be made; then nothing new is left behind.
    """
    openers = _openers(folder / file_stem(camera), config, info, overwrite)
    for path in openers:
        refuse_existing(path, overwrite)
    made = _make_folder(folder)
    sinks: list[Sink] = []
    try:
        for open_sink in openers.values():
            sinks.append(open_sink())  # noqa: PERF401  # a failure needs the ones before it
    except BaseException:
        _undo(sinks, made)
        raise
    return sinks


def file_stem(camera: str) -> str:
    """Return a camera's name as it stands in file names."""
    return re.sub(r"[^\w.-]+", "_", camera)


def open_identity_events(folder: Path, *, overwrite: bool = False) -> IdentityEventSink:
    """Open `identities.jsonl`, for the events of all cameras of a run.

    Args:
        folder: where it goes; exists.
        overwrite: whether an earlier one may be replaced.

    Raises:
        OutputError: it exists, or cannot be made.
    """
    return IdentityEventSink(folder / "identities.jsonl", overwrite=overwrite)


def open_best_crops(
    *, quality: int = 85, most_pixels: int = 256, most_bytes: int | None = None
) -> BestCrops:
    """Return what keeps the best picture of each track, of all cameras of a run.

    Args:
        quality: JPEG quality, 1 to 100.
        most_pixels: longest side of a picture; larger ones are scaled down.
        most_bytes: of a picture; at least 1,000. None sets no limit.
    """
    from reid_tracker.sink.crops.best import BestCrops

    return BestCrops(quality=quality, most_pixels=most_pixels, most_bytes=most_bytes)


def open_head_blur() -> HeadBlur:
    """Return what blurs the heads in the results of one camera."""
    from reid_tracker.sink.video.heads import HeadBlur

    return HeadBlur()


def open_window(camera: str, config: OutputConfig) -> Sink:
    """Open a live window for one camera.

    Args:
        camera: title of the window.
        config: `trail_s` is used.

    Raises:
        OutputError: there is no screen, or OpenCV was built without windows.
    """
    from reid_tracker.sink.video.annotate import Annotator
    from reid_tracker.sink.video.window import WindowSink

    return WindowSink(camera, Annotator(trail_s=config.trail_s).draw)


def _openers(
    stem: Path, config: OutputConfig, info: VideoInfo, overwrite: bool
) -> dict[Path, Callable[[], Sink]]:
    """Return the paths that `config` asks for and what opens each."""

    def named(suffix: str) -> Path:
        return stem.with_name(stem.name + suffix)

    def video() -> Sink:
        from reid_tracker.sink.video.annotate import Annotator
        from reid_tracker.sink.video.writer import VideoSink

        draw = Annotator(trail_s=config.trail_s).draw
        return VideoSink(named(".mp4"), info, draw=draw, crf=config.video_crf, overwrite=overwrite)

    def mot() -> Sink:
        from reid_tracker.sink.text.mot import MotSink

        return MotSink(named(".txt"), overwrite=overwrite)

    def jsonl() -> Sink:
        from reid_tracker.sink.text.jsonl import JsonlSink

        return JsonlSink(named(".jsonl"), overwrite=overwrite)

    def csv() -> Sink:
        from reid_tracker.sink.text.csv_file import CsvSink

        return CsvSink(named(".csv"), overwrite=overwrite)

    def crops() -> Sink:
        from reid_tracker.sink.crops.tracks import CropSink

        return CropSink(named("_crops"), overwrite=overwrite)

    choices: list[tuple[bool, str, Callable[[], Sink]]] = [
        (config.video, ".mp4", video),
        (config.mot, ".txt", mot),
        (config.jsonl, ".jsonl", jsonl),
        (config.csv, ".csv", csv),
        (config.crops, "_crops", crops),
    ]
    return {named(suffix): opener for wanted, suffix, opener in choices if wanted}


def _make_folder(folder: Path) -> list[Path]:
    """Make `folder` and its parents; returns those that did not exist, innermost first."""
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        _remove_empty(made)
        raise cannot_write(folder, error) from None
    return made


def _undo(sinks: list[Sink], made: list[Path]) -> None:
    """Close and remove outputs that were just opened, and the folders made for them."""
    with suppress(OutputError):
        SinkGroup(sinks).close()
    for sink in sinks:
        if sink.path.is_dir():
            _remove_empty([sink.path])
        else:
            sink.path.unlink(missing_ok=True)
    _remove_empty(made)


def _remove_empty(folders: list[Path]) -> None:
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()
