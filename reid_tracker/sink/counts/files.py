"""Writes counts: events as JSON lines and CSV, and a table of totals."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from reid_tracker.arrays import IntArray
from reid_tracker.sink.base import BaseSink
from reid_tracker.sink.counts.counter import CameraCounter
from reid_tracker.sink.counts.draw import draw_line, draw_zone
from reid_tracker.sink.counts.places import CountingPlaces
from reid_tracker.sink.counts.summary import CountEvent, summarize
from reid_tracker.sink.files import TextSink, refuse_existing
from reid_tracker.sink.text.final_text import FinalIdentities
from reid_tracker.types import FrameResult, IdentityEvent, ImageBGR, Tracks, VideoInfo

COLUMNS = (
    *("camera", "frame", "timestamp_s", "place", "event", "id", "class", "identity", "dwell_s"),
    "class_name",
)
SUMS = (
    *("place", "kind", "in", "out", "people", "visits"),
    *("dwell_s", "mean_dwell_s", "longest_dwell_s"),
)
_SCHEMA = "reid_tracker/count/1"
_SUMMARY_SCHEMA = "reid_tracker/count_summary/1"


class _Text(TextSink):
    """A text file that only its owner appends to."""

    def write(self, result: FrameResult) -> None:
        raise NotImplementedError


class CountSink(BaseSink):
    """Writes `NAME.jsonl` and `NAME.csv`, one event per line, and `NAME_summary.csv` at the end.

    The last JSON line is also the summary, with the time of each person in each zone. Events hold
    the identity known at their time; the summary uses the final identities.

    Args:
        stem: path of the files without suffix.
        places: lines and zones of all cameras.
        cameras: size and frame rate of each source, by camera name.
        overwrite: whether earlier files may be replaced.

    Attributes:
        counters: the counter of each camera.
        class_names: names of class numbers, from the last result.

    Raises:
        OutputError: a file exists, or cannot be made.
    """

    def __init__(
        self,
        stem: Path,
        places: CountingPlaces,
        cameras: Mapping[str, VideoInfo],
        *,
        overwrite: bool = False,
    ) -> None:
        super().__init__(stem.with_name(f"{stem.name}.jsonl"))
        self._places = places
        self._overwrite = overwrite
        self.counters = {
            camera: CameraCounter(camera, places.of(camera), info.frame_rate)
            for camera, info in cameras.items()
        }
        self._widths = {camera: info.width for camera, info in cameras.items()}
        self.class_names: Mapping[int, str] = {}
        self._events: list[CountEvent] = []
        self._final = FinalIdentities()
        paths = [stem.with_name(f"{stem.name}{suffix}") for suffix in (".csv", "_summary.csv")]
        for path in (self.path, *paths):
            refuse_existing(path, overwrite)
        paths[1].unlink(missing_ok=True)  # an old summary must not remain if this run dies
        self._sums = paths[1]
        self._lines = _Text(self.path, overwrite=overwrite)
        self._table = _Text(paths[0], overwrite=overwrite)
        self._table.append(_csv([COLUMNS]))

    def write(self, result: FrameResult) -> None:
        """Take one frame of one camera."""
        self._final.take(result.events)
        frame, known = result.frame, result.identities
        self.class_names = result.class_names
        self._widths[result.camera] = frame.image.shape[1]
        ids = None if known is None else known.ids
        self.count(result.camera, frame.index, frame.timestamp_s, result.tracks, ids)

    def write_events(self, events: Iterable[IdentityEvent]) -> None:
        """Note events that belong to no frame, such as those after the last one."""
        self._final.take(events)

    def count(
        self,
        camera: str,
        frame: int,
        time_s: float,
        tracks: Tracks,
        identities: IntArray | None = None,
    ) -> None:
        """Take the tracks of one frame; see `CameraCounter.update`."""
        self._note(self.counters[camera].update(frame, time_s, tracks, identities))

    def paint(self, camera: str, scene: ImageBGR) -> None:
        """Draw a camera's lines and zones with their counts onto a picture of any scale."""
        counter = self.counters[camera]
        scale = scene.shape[1] / self._widths[camera]
        for zone, count in counter.zones:
            draw_zone(scene, zone, f"{zone.name}: {count}", scale)
        for line, entered, left in counter.lines:
            draw_line(scene, line, f"{line.name}: {entered} in, {left} out", scale)

    def _note(self, events: Iterable[CountEvent]) -> None:
        events = [self._named(event) for event in events]
        self._events += events
        lines = [_line(event, self.class_names) for event in events]
        self._lines.append("".join(f"{_json(line)}\n" for line in lines))
        self._table.append(_csv([line.get(column) for column in COLUMNS] for line in lines))

    def _named(self, event: CountEvent) -> CountEvent:
        """Return an event with the identity known now."""
        identity = self._final.one(event.camera, event.track) or event.identity
        return dataclasses.replace(event, identity=identity)

    def _finish(self) -> None:
        for counter in self.counters.values():
            self._note(counter.finish())
        final = [
            self._named(event) for event in sorted(self._events, key=lambda one: one.timestamp_s)
        ]
        summary = summarize(self._places, final)
        self._lines.append(_json({"schema": _SUMMARY_SCHEMA, **summary}) + "\n")
        self._lines.close()
        self._table.close()
        with _Text(self._sums, overwrite=self._overwrite) as table:
            table.append(_csv([SUMS, *_sums(summary)]))


def _line(event: CountEvent, class_names: Mapping[int, str]) -> dict[str, Any]:
    line = {
        "schema": _SCHEMA,
        "camera": event.camera,
        "frame": event.frame,
        "timestamp_s": round(event.timestamp_s, 6),
        "place": event.place,
        "event": event.event,
        "id": event.track,
        "class": event.class_number,
        "identity": event.identity or None,
    }
    if event.dwell_s is not None:
        line["dwell_s"] = round(event.dwell_s, 3)
    if event.class_number in class_names:
        line["class_name"] = class_names[event.class_number]
    return line


def _sums(summary: dict[str, Any]) -> Iterable[list[object]]:
    for kind in ("line", "zone"):
        for one in summary[f"{kind}s"]:
            values = {**one, "place": one["name"], "kind": kind}
            yield [values.get(column) for column in SUMS]


def _json(line: dict[str, Any]) -> str:
    return json.dumps(line, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _csv(rows: Iterable[Iterable[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
