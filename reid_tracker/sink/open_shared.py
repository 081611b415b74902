"""Opens the outputs that all cameras of a run share: events, mosaic, table, crops, global ids."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from reid_tracker.config import OutputConfig
from reid_tracker.sink.base import BaseSink
from reid_tracker.sink.open import file_stem
from reid_tracker.sink.text.identity_events import IdentityEventSink
from reid_tracker.types import FrameResult, IdentityEvent, VideoInfo

if TYPE_CHECKING:
    from reid_tracker.sink.video.floor_panel import FloorPanel


class _SharedSink(Protocol):
    """A sink for all cameras."""

    def write(self, result: FrameResult) -> None: ...
    def close(self) -> None: ...


class SharedSinks(BaseSink):
    """The outputs of a run over several cameras, used as one; close them after the cameras' own.

    Args:
        folder: where they are.
        sinks: in the order in which they are written; owned from here on.
    """

    def __init__(self, folder: Path, sinks: Iterable[_SharedSink]) -> None:
        super().__init__(folder)
        self._sinks = tuple(sinks)

    def write(self, result: FrameResult) -> None:
        """Write one frame of one camera to every sink.

        Raises:
            OutputError: a sink failed; the ones behind it have not received the frame.
        """
        for sink in self._sinks:
            sink.write(result)

    def write_events(self, events: Iterable[IdentityEvent]) -> None:
        """Tell every sink that follows identities of events that no frame carries.

        Raises:
            OutputError: a sink failed.
        """
        events = tuple(events)
        for sink in self._sinks:
            if (take := getattr(sink, "write_events", None)) is not None:
                take(events)

    def _finish(self) -> None:
        with ExitStack() as stack:
            for sink in reversed(self._sinks):
                stack.callback(sink.close)


def open_shared_sinks(
    folder: Path,
    config: OutputConfig,
    cameras: Mapping[str, VideoInfo],
    is_over: Callable[[str], bool],
    *,
    floor: Callable[[], FloorPanel] | None = None,
    final_rows: bool = False,
    overwrite: bool = False,
) -> SharedSinks:
    """Open what `config` asks for of a run over several cameras.

    Args:
        folder: where they go; exists.
        config: which outputs, and how.
        cameras: what is known of each source, by name.
        is_over: tells whether a camera will send no more results.
        floor: makes the plan that the mosaic shows; None shows none.
        final_rows: write JSON lines and CSV once more at the end, with final identities.
        overwrite: whether earlier outputs may be replaced.

    Raises:
        OutputError: an output exists, or cannot be made.
        MissingDependencyError: a table is asked for, but pyarrow is not installed.
    """
    with ExitStack() as stack:
        sinks = []
        openers = _openers(folder, config, cameras, is_over, floor=floor, overwrite=overwrite)
        if final_rows:
            openers += _row_openers(folder, config, cameras, overwrite=overwrite)
        for opener in openers:
            sinks.append(opener())
            stack.callback(sinks[-1].close)
        stack.pop_all()
        return SharedSinks(folder, sinks)


def _openers(
    folder: Path,
    config: OutputConfig,
    cameras: Mapping[str, VideoInfo],
    is_over: Callable[[str], bool],
    *,
    floor: Callable[[], FloorPanel] | None,
    overwrite: bool,
) -> list[Callable[[], _SharedSink]]:
    """Return what opens each of the outputs that `config` asks for."""
    stems = {camera: file_stem(camera) for camera in cameras}

    def events() -> _SharedSink:
        return IdentityEventSink(folder / "identities.jsonl", overwrite=overwrite)

    def mot() -> _SharedSink:
        from reid_tracker.sink.text.global_text import GlobalMotSink

        return GlobalMotSink(_global_files(folder, cameras, ".txt"), overwrite=overwrite)

    def crops() -> _SharedSink:
        from reid_tracker.sink.crops.identities import IdentityCropSink

        return IdentityCropSink(folder / "crops", stems, overwrite=overwrite)

    def parquet() -> _SharedSink:
        from reid_tracker.sink.text.parquet import ParquetSink

        return ParquetSink(folder / "sightings.parquet", overwrite=overwrite)

    def mosaic() -> _SharedSink:
        from reid_tracker.sink.video.mosaic import MosaicSink

        return MosaicSink(
            folder / "mosaic.mp4",
            cameras,
            is_over,
            floor=None if floor is None else floor(),
            trail_s=config.trail_s,
            crf=config.video_crf,
            overwrite=overwrite,
        )

    choices = [
        (config.jsonl, events),
        (config.mot, mot),
        (config.crops, crops),
        (config.parquet, parquet),
        (config.mosaic, mosaic),
    ]
    return [opener for wanted, opener in choices if wanted]


def _row_openers(
    folder: Path, config: OutputConfig, cameras: Iterable[str], *, overwrite: bool
) -> list[Callable[[], _SharedSink]]:
    """Return what opens the rows with final identities."""

    def jsonl() -> _SharedSink:
        from reid_tracker.sink.text.global_text import GlobalJsonlSink

        return GlobalJsonlSink(_global_files(folder, cameras, ".jsonl"), overwrite=overwrite)

    def csv() -> _SharedSink:
        from reid_tracker.sink.text.global_text import GlobalCsvSink

        return GlobalCsvSink(_global_files(folder, cameras, ".csv"), overwrite=overwrite)

    return [opener for wanted, opener in ((config.jsonl, jsonl), (config.csv, csv)) if wanted]


def _global_files(
    folder: Path, cameras: Iterable[str], suffix: str
) -> dict[str, tuple[Path, Path]]:
    """Return a file of each camera, and the one with global ids to make of it."""
    stems = {camera: file_stem(camera) for camera in cameras}
    return {
        camera: (folder / f"{stem}{suffix}", folder / f"{stem}_global{suffix}")
        for camera, stem in stems.items()
    }
