"""What the cameras of a run write together: shared files, and pictures at the end."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from reid_tracker.arrays import FloatArray
from reid_tracker.config import Config
from reid_tracker.errors import MissingDependencyError
from reid_tracker.match import (
    GroundPlane,
    SightingLog,
    Topology,
    confident_links,
    load_ground,
    load_topology,
    save_topology,
    supported_topology,
)
from reid_tracker.sink import Paint, SinkGroup, open_shared_sinks
from reid_tracker.sink.files import refuse_existing
from reid_tracker.types import FrameResult, IdentityEvent
from reid_tracker.video import Source

if TYPE_CHECKING:
    from reid_tracker.sink.video.floor_panel import FloorPanel

_log = logging.getLogger(__name__)

_PICTURES = ("timeline.png", "transitions.png", "transit_times.png")
_MAP = "map.png"
_LEARNED = "topology.yaml"


class RunOutputs:
    """Takes every result of the run; draws the pictures when closed, also after Ctrl-C.

    Args:
        folder: where the files go; exists.
        config: of the run.
        sources: open sources, at least two.
        is_over: returns whether a camera will send no more results.
        paints: functions that draw onto a camera's frames, by camera name.
        overwrite: whether earlier outputs may be replaced.

    Raises:
        OutputError: an output exists, or cannot be made.
        MissingDependencyError: a Parquet table is asked for, but pyarrow is not installed.
    """

    def __init__(
        self,
        folder: Path,
        config: Config,
        sources: Sequence[Source],
        is_over: Callable[[str], bool],
        *,
        paints: Mapping[str, Paint] = MappingProxyType({}),
        overwrite: bool,
    ) -> None:
        self.path = folder
        self._config = config
        self._overwrite = overwrite
        self._sources = tuple(sources)
        ground = config.match.ground
        self._ground = None if ground is None else load_ground(ground)
        self._pictures = config.output.pictures and _can_draw()
        self._log = SightingLog(self._ground)
        self._refuse_existing()
        self._sinks: SinkGroup = open_shared_sinks(
            folder,
            config.output,
            {source.name: source.info for source in sources},
            is_over,
            floor=None if self._ground is None else self._floor_panel,
            paints=paints,
            overwrite=overwrite,
        )
        self._closed = False

    def write(self, result: FrameResult) -> None:
        """Take one frame of one camera.

        Raises:
            OutputError: an output cannot be written.
        """
        self._log.add(result)
        self._sinks.write(result)

    def write_events(self, events: Iterable[IdentityEvent]) -> None:
        """Take the events after the last frame.

        Raises:
            OutputError: an output cannot be written.
        """
        events = tuple(events)
        self._log.take(events)
        self._sinks.write_events(events)

    def close(self) -> None:
        """Finish the files and draw the pictures; closing twice is harmless.

        Raises:
            OutputError: an output cannot be written.
        """
        if self._closed:
            return
        self._closed = True
        try:
            self._sinks.close()
        finally:
            self._finish()

    def _finish(self) -> None:
        """Save the learned topology and the pictures."""
        match = self._config.match
        sightings = self._log.sightings()
        links = confident_links(sightings, 1 - match.thresholds().tight)
        least = match.learn_links
        learned = match.topology is None and least > 0
        topology = Topology() if match.topology is None else load_topology(match.topology)
        if learned:
            topology = supported_topology(links, self._log.end_s, least)
            count = sum(len(pair.waits_s) for pair in links)
            head = (
                f"# Learned from {count} transitions between cameras; pairs with fewer than "
                f"{least} stay open.\n"
                "# Look at transit_times.png, then use this file with --topology.\n"
            )
            save_topology(topology, self.path / _LEARNED, head)
        if not self._pictures:
            return
        from reid_tracker.explain.timeline import timeline_sheet
        from reid_tracker.explain.transit_times import transit_sheet
        from reid_tracker.explain.transitions import transition_sheet

        names = [source.name for source in self._sources]
        sheets = (
            timeline_sheet(sightings, names, max(self._log.end_s, 0.0)),
            transition_sheet(sightings, names),
            transit_sheet(links, topology, learned=learned),
        )
        for name, sheet in zip(_PICTURES, sheets, strict=True):
            sheet.save(self.path / name, overwrite=True)  # existing files were refused at the start
        if self._ground is not None:
            self._draw_map(self._ground)

    def _draw_map(self, ground: GroundPlane) -> None:
        from reid_tracker.explain.floor_map import floor_sheet
        from reid_tracker.sink.video.palette import identity_colours

        palette = ["#" + bytes(colour).hex() for colour in identity_colours().tolist()]
        paths = self._log.paths()
        colours = {path.identity: palette[path.identity % len(palette)] for path in paths}
        sheet = floor_sheet(paths, self._footprints(ground), colours)
        sheet.save(self.path / _MAP, overwrite=True)

    def _floor_panel(self) -> FloorPanel:
        from reid_tracker.sink.video.floor_panel import FloorPanel

        assert self._ground is not None  # noqa: S101 - called only where there is one
        return FloorPanel(self._ground.locate, self._footprints(self._ground))

    def _footprints(self, ground: GroundPlane) -> dict[str, FloatArray]:
        """Return what each camera sees; a network camera without a picture yet is left out."""
        return {
            source.name: ground.footprint(source.name, source.info.width, source.info.height)
            for source in self._sources
            if source.info.width
        }

    def _refuse_existing(self) -> None:
        """Refuse to replace files of an earlier run now, rather than after hours of work."""
        names = [*_PICTURES, _MAP] if self._pictures else []
        if self._config.match.topology is None and self._config.match.learn_links > 0:
            names.append(_LEARNED)
        for name in names:
            refuse_existing(self.path / name, self._overwrite)


def _can_draw() -> bool:
    """Whether matplotlib is installed; without it a run draws no pictures."""
    from reid_tracker.explain.sheet import require_matplotlib

    try:
        require_matplotlib()
    except MissingDependencyError as error:
        _log.warning("%s; the run goes on without pictures (--no-save-pictures)", error)
        return False
    return True
