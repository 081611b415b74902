"""The output formats, one entry each; files, options and repairs are derived from it."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from reid_tracker.config import OutputConfig
from reid_tracker.errors import ConfigError
from reid_tracker.sink.base import SharedSink, Sink
from reid_tracker.sink.files import file_stem
from reid_tracker.sink.text import csv_rows, json_lines, mot_text
from reid_tracker.sink.text.final_text import CopyWithIdentities
from reid_tracker.sink.text.identity_events import EVENTS_FILE, IdentityEventSink
from reid_tracker.types import ImageBGR, VideoInfo

if TYPE_CHECKING:
    from reid_tracker.sink.video.floor_panel import FloorPanel


Paint = Callable[[ImageBGR], None]
"""Draws onto a frame of a camera, (H, W, 3) uint8 BGR of any scale, before its tracks are drawn."""

COUNTS, REFINED_COUNTS = "counts", "counts_refined"
"""Names of the count files, without suffix."""


@dataclass(frozen=True)
class OutputRun:
    """The facts of a run that outputs need when they open.

    Attributes:
        config: which outputs, and their settings.
        cameras: size and frame rate of each source, by camera name.
        overwrite: whether earlier outputs may be replaced.
        is_over: whether a camera will send no more results.
        floor: makes the floor plan that the mosaic shows; None shows none.
        paints: functions that draw onto a camera's frames, by camera name.
    """

    config: OutputConfig
    cameras: Mapping[str, VideoInfo]
    overwrite: bool = False
    is_over: Callable[[str], bool] = lambda camera: False
    floor: Callable[[], FloorPanel] | None = None
    paints: Mapping[str, Paint] = field(default_factory=dict)


@dataclass(frozen=True)
class OutputFormat:
    """One kind of output.

    A format has an output per camera (`suffix`, `open_own`), an output that all cameras
    share (`shared_name`, `open_shared`), or both.

    Attributes:
        name: `--save-NAME` on the command line; `output.NAME` in the configuration if OutputConfig
            has that key, else an item of `output.extra`.
        help: text of the option.
        aliases: other names of the option.
        on_hosts: whether camera hosts, which start new files every few hours, can write it.
        suffix: follows the camera's name in the name of its file or folder.
        open_own: opens a camera's output, given its path and name.
        shared_name: name of the file or folder that all cameras share.
        open_shared: opens the shared output.
        needs_identities: the shared output needs identities over all cameras.
        shared_replaces_own: with identities, the shared output replaces those of the cameras.
        copy: copies a camera's own text with final identities; None if the format cannot.
        has_identities: the camera's text holds the identities known at each frame, so the copy is
            written only on request.
    """

    name: str
    help: str
    aliases: tuple[str, ...] = ()
    on_hosts: bool = True
    suffix: str = ""
    open_own: Callable[[Path, str, OutputRun], Sink] | None = None
    shared_name: str = ""
    open_shared: Callable[[Path, OutputRun], SharedSink] | None = None
    needs_identities: bool = False
    shared_replaces_own: bool = False
    copy: CopyWithIdentities | None = None
    has_identities: bool = False

    @property
    def flags(self) -> tuple[str, ...]:
        """Names of the command-line option."""
        return (f"--save-{self.name}", *self.aliases)

    @property
    def key(self) -> str | None:
        """Configuration key; None if the format is an item of `output.extra`."""
        return f"output.{self.name}" if hasattr(OutputConfig, self.name) else None

    def is_wanted(self, config: OutputConfig) -> bool:
        """Whether a configuration asks for this format."""
        return bool(getattr(config, self.name, self.name in config.extra))


def _open_video(path: Path, camera: str, run: OutputRun) -> Sink:
    from reid_tracker.sink.video.annotate import Annotator
    from reid_tracker.sink.video.writer import VideoSink

    config, info = run.config, run.cameras[camera]
    draw = Annotator.of(config, run.paints.get(camera)).draw
    return VideoSink(path, info, draw=draw, crf=config.video_crf, overwrite=run.overwrite)


def _open_heat_map(path: Path, camera: str, run: OutputRun) -> Sink:
    from reid_tracker.sink.video.heat_map import HeatMapSink

    return HeatMapSink(path, overwrite=run.overwrite)


def _open_crops(path: Path, camera: str, run: OutputRun) -> Sink:
    from reid_tracker.sink.crops.tracks import CropSink

    return CropSink(path, overwrite=run.overwrite)


def _open_shared_crops(path: Path, run: OutputRun) -> SharedSink:
    from reid_tracker.sink.crops.identities import IdentityCropSink

    stems = {camera: file_stem(camera) for camera in run.cameras}
    return IdentityCropSink(path, stems, overwrite=run.overwrite)


def _open_parquet(path: Path, run: OutputRun) -> SharedSink:
    from reid_tracker.sink.text.parquet import ParquetSink

    return ParquetSink(path, overwrite=run.overwrite)


def _open_mosaic(path: Path, run: OutputRun) -> SharedSink:
    from reid_tracker.sink.video.mosaic import MosaicSink

    return MosaicSink(
        path,
        run.cameras,
        run.is_over,
        run.config,
        paints=run.paints,
        floor=None if run.floor is None else run.floor(),
        overwrite=run.overwrite,
    )


FORMATS: dict[str, OutputFormat] = {
    one.name: one
    for one in (
        OutputFormat(
            "video",
            "write an annotated H.264 video",
            aliases=("--save",),
            suffix=".mp4",
            open_own=_open_video,
        ),
        OutputFormat(
            "mot",
            "write MOTChallenge text (frames count from 1)",
            suffix=".txt",
            open_own=lambda path, _, run: mot_text.MotSink(path, overwrite=run.overwrite),
            copy=mot_text.copy_with_identities,
        ),
        OutputFormat(
            "jsonl",
            "write JSON lines (frames count from 0)",
            suffix=".jsonl",
            open_own=lambda path, _, run: json_lines.JsonlSink(path, overwrite=run.overwrite),
            shared_name=EVENTS_FILE,
            open_shared=lambda path, run: IdentityEventSink(path, overwrite=run.overwrite),
            needs_identities=True,
            copy=json_lines.copy_with_identities,
            has_identities=True,
        ),
        OutputFormat(
            "csv",
            "write CSV (frames count from 0)",
            suffix=".csv",
            open_own=lambda path, _, run: csv_rows.CsvSink(path, overwrite=run.overwrite),
            copy=csv_rows.copy_with_identities,
            has_identities=True,
        ),
        OutputFormat(
            "crops",
            "write pictures of each identity, in a folder of its own",
            suffix="_crops",
            open_own=_open_crops,
            shared_name="crops",
            open_shared=_open_shared_crops,
            needs_identities=True,
            shared_replaces_own=True,
        ),
        OutputFormat(
            "heatmap",
            "draw a PNG of where people spent their time",
            suffix="_heatmap.png",
            open_own=_open_heat_map,
        ),
        OutputFormat(
            "parquet",
            "write a table of all boxes; needs pip install 'reid-tracker[parquet]'",
            shared_name="sightings.parquet",
            open_shared=_open_parquet,
        ),
        OutputFormat(
            "mosaic",
            "write one video of all cameras (default: on)",
            aliases=("--mosaic",),
            on_hosts=False,
            shared_name="mosaic.mp4",
            open_shared=_open_mosaic,
        ),
    )
}
"""All formats by name, in the order in which they are written."""

REFINED = ("_refined.txt", "_refined.json")
"""Ends of the names of a camera's refined tracks and of the list of changes."""


def wanted_formats(config: OutputConfig) -> list[OutputFormat]:
    """Return the formats that a configuration asks for.

    Raises:
        ConfigError: `output.extra` names a format that does not exist.
    """
    for name in config.extra:
        if name not in FORMATS:
            raise ConfigError(
                f"output.extra = {name}: no such output format; known: {', '.join(FORMATS)}"
            )
    return [one for one in FORMATS.values() if one.is_wanted(config)]


def final_name(name: str) -> str:
    """Return the name of the copy with final identities: `door.csv` becomes `door_global.csv`."""
    return "{}_global{}".format(*os.path.splitext(name))


def output_paths(folder: Path, cameras: Collection[str]) -> Iterator[Path]:
    """Yield every path that a run of these cameras may write, in any format."""
    for name in (COUNTS, REFINED_COUNTS):
        for suffix in (".jsonl", ".csv", "_summary.csv"):
            yield folder / f"{name}{suffix}"
    for camera in cameras:
        for suffix in REFINED:
            yield folder / f"{file_stem(camera)}{suffix}"
    for one in FORMATS.values():
        if one.shared_name:
            yield folder / one.shared_name
        for camera in cameras if one.suffix else ():
            own = f"{file_stem(camera)}{one.suffix}"
            yield folder / own
            if one.copy is not None:
                yield folder / final_name(own)
