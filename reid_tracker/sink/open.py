"""Opens the outputs that a configuration asks for: per camera, and shared by all cameras."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from reid_tracker.config import OutputConfig
from reid_tracker.errors import OutputError
from reid_tracker.sink.base import SharedSink, Sink, SinkGroup
from reid_tracker.sink.counts.places import CountingPlaces, check_places, read_places
from reid_tracker.sink.files import cannot_write, file_stem, refuse_existing
from reid_tracker.sink.formats import (
    COUNTS,
    REFINED_COUNTS,
    OutputRun,
    Paint,
    final_name,
    wanted_formats,
)
from reid_tracker.sink.text.final_text import FinalTextSink
from reid_tracker.sink.text.identity_events import EVENTS_FILE, IdentityEventSink
from reid_tracker.types import VideoInfo

if TYPE_CHECKING:
    from reid_tracker.sink.counts.files import CountSink
    from reid_tracker.sink.crops.best import BestCrops
    from reid_tracker.sink.video.floor_panel import FloorPanel
    from reid_tracker.sink.video.heads import HeadBlur


def open_sinks(
    folder: Path,
    config: OutputConfig,
    info: VideoInfo,
    camera: str,
    *,
    identities: bool = False,
    paint: Paint | None = None,
    overwrite: bool = False,
) -> list[Sink]:
    """Open every output of one camera that `config` asks for, named after the camera.

    Args:
        folder: where the outputs go; made if it does not exist.
        config: which outputs, and how.
        info: the camera's source.
        camera: name of the camera; its files are `<camera>.mp4`, `.txt` (MOTChallenge), `.jsonl`,
            `.csv` and the folder `<camera>_crops`.
        identities: whether the run has identities over all cameras; then all cameras share one
            folder of crops (see `open_shared_sinks`).
        paint: draws onto the frames of the video.
        overwrite: whether earlier outputs may be replaced.

    Returns:
        The sinks; the caller closes them.

    Raises:
        OutputError: an output exists, or cannot be made; new files are then removed.
        ConfigError: `output.extra` names a format that does not exist.
    """
    paints = {} if paint is None else {camera: paint}
    run = OutputRun(config, {camera: info}, overwrite, paints=paints)
    openers: dict[Path, Callable[[], Sink]] = {}
    for one in wanted_formats(config):
        if one.open_own is not None and not (identities and one.shared_replaces_own):
            path = folder / f"{file_stem(camera)}{one.suffix}"
            openers[path] = partial(one.open_own, path, camera, run)
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


def open_shared_sinks(
    folder: Path,
    config: OutputConfig,
    cameras: Mapping[str, VideoInfo],
    is_over: Callable[[str], bool],
    *,
    floor: Callable[[], FloorPanel] | None = None,
    paints: Mapping[str, Paint] = MappingProxyType({}),
    identities: bool = True,
    final_rows: bool = False,
    overwrite: bool = False,
) -> SinkGroup:
    """Open the outputs that all cameras of a run share.

    Args:
        folder: where the outputs go; exists.
        config: which outputs, and how.
        cameras: size and frame rate of each source, by camera name.
        is_over: whether a camera will send no more results.
        floor: makes the floor plan that the mosaic shows; None shows none.
        paints: functions that draw onto a camera's frames, by camera name.
        identities: whether the run has identities over all cameras.
        final_rows: at the end, also write JSON lines and CSV with final identities.
        overwrite: whether earlier outputs may be replaced.

    Returns:
        The sinks as one; close it after the cameras' own sinks.

    Raises:
        OutputError: an output exists, or cannot be made.
        ConfigError: `output.extra` names a format that does not exist.
        MissingDependencyError: a table is asked for, but pyarrow is not installed.
    """
    run = OutputRun(config, cameras, overwrite, is_over, floor, paints)
    formats = wanted_formats(config)
    sinks: list[SharedSink] = []
    with ExitStack() as stack:
        for one in formats:
            if one.open_shared is not None and (identities or not one.needs_identities):
                sinks.append(one.open_shared(folder / one.shared_name, run))
                stack.callback(sinks[-1].close)
        for one in formats:
            if one.copy is not None and identities and (final_rows or not one.has_identities):
                files = {}
                for camera in cameras:
                    name = f"{file_stem(camera)}{one.suffix}"
                    files[camera] = (folder / name, folder / final_name(name))
                sinks.append(FinalTextSink(files, one.copy, overwrite=overwrite))
                stack.callback(sinks[-1].close)
        stack.pop_all()
    return SinkGroup(sinks)


def open_identity_events(folder: Path, *, overwrite: bool = False) -> IdentityEventSink:
    """Open `identities.jsonl` in an existing folder, for the events of all cameras of a run.

    Raises:
        OutputError: the file exists, or cannot be made.
    """
    return IdentityEventSink(folder / EVENTS_FILE, overwrite=overwrite)


def counting_places(config: OutputConfig, cameras: Mapping[str, VideoInfo]) -> CountingPlaces:
    """Return the lines and zones of a configuration, checked against the cameras of the run.

    Raises:
        ConfigError: a line or zone is wrong.
    """
    return check_places(read_places(config.lines, config.zones), cameras)


def open_counts(
    folder: Path,
    places: CountingPlaces,
    cameras: Mapping[str, VideoInfo],
    *,
    refined: bool = False,
    overwrite: bool = False,
) -> CountSink:
    """Open the count files in an existing folder.

    Args:
        folder: where they go.
        places: lines and zones, of `counting_places`.
        cameras: size and frame rate of each source, by camera name.
        refined: whether the counts are of refined tracks.
        overwrite: whether earlier files may be replaced.

    Raises:
        OutputError: a file exists, or cannot be made.
    """
    from reid_tracker.sink.counts.files import CountSink

    stem = folder / (REFINED_COUNTS if refined else COUNTS)
    return CountSink(stem, places, cameras, overwrite=overwrite)


def open_best_crops(
    *, quality: int = 85, most_pixels: int = 256, most_bytes: int | None = None
) -> BestCrops:
    """Return a `BestCrops`, which keeps the best picture of each track."""
    from reid_tracker.sink.crops.best import BestCrops

    return BestCrops(quality=quality, most_pixels=most_pixels, most_bytes=most_bytes)


def open_head_blur() -> HeadBlur:
    """Return an object that blurs the heads in the results of one camera."""
    from reid_tracker.sink.video.heads import HeadBlur

    return HeadBlur()


def open_window(camera: str, config: OutputConfig, paint: Paint | None = None) -> Sink:
    """Open a live window for one camera.

    Args:
        camera: its name.
        config: how tracks are drawn.
        paint: draws onto the frames.

    Raises:
        OutputError: there is no screen, or OpenCV was built without windows.
    """
    from reid_tracker.sink.video.annotate import Annotator
    from reid_tracker.sink.video.window import WindowSink

    return WindowSink(camera, Annotator.of(config, paint).draw)


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
