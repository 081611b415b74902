"""A Parquet table of all boxes of all cameras with final identities: for pandas, Polars, DuckDB."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from reid_tracker.errors import MissingDependencyError
from reid_tracker.sink.base import BaseSink
from reid_tracker.sink.files import cannot_write, create_file, refuse_existing
from reid_tracker.sink.text.final_text import FinalIdentities, once_each
from reid_tracker.types import FrameResult, IdentityEvent

_COLUMNS = (
    *("frame", "time_s", "track", "identity", "live_identity"),
    *("left", "top", "right", "bottom", "score", "class", "observed"),
)
_ROWS_PER_GROUP = 8192  # a minute of a crowd or an hour of a corridor; little is lost in a crash


class ParquetSink(BaseSink):
    """Writes one row per box: camera, frame, time, track, identity, box, score.

    `frame` counts from 0, `time_s` is seconds from the first frame, the box is in pixels.
    `identity` is the identity at the end of the run, also for earlier frames; `live_identity` is
    the one known at that frame. Both are null while unknown.

    Rows are written as they come to `NAME.parquet.part`, an Arrow stream that stays readable up to
    its last batch even after a kill (`pyarrow.ipc.open_stream`). Closing, also after Ctrl-C, turns
    it into the Parquet file, batch by batch, with the identities known by then.

    Raises:
        OutputError: the file exists, or cannot be made.
        MissingDependencyError: pyarrow is not installed.
    """

    def __init__(self, path: Path, *, overwrite: bool = False) -> None:
        super().__init__(path)
        self._arrow = _require_pyarrow()
        self._part = path.with_name(f"{path.name}.part")
        for file in (path, self._part):  # left by a run that was killed
            refuse_existing(file, overwrite)
        self._final = FinalIdentities()
        self._waiting: list[dict[str, Any]] = []
        self._rows = 0
        try:
            path.unlink(missing_ok=True)
            self._file = create_file(self._part, overwrite)
            self._schema = self._make_schema()
            self._stream = self._arrow.ipc.new_stream(self._file, self._schema)
        except OSError as error:
            raise cannot_write(path, error) from None

    def _make_schema(self) -> Any:
        pa = self._arrow
        kinds = {
            **dict.fromkeys(("left", "top", "right", "bottom", "score"), pa.float32()),
            **{"time_s": pa.float64(), "observed": pa.bool_()},
        }
        text = pa.dictionary(pa.int32(), pa.string())
        fields = [("camera", text), *((name, kinds.get(name, pa.int64())) for name in _COLUMNS)]
        return pa.schema(fields)

    def write(self, result: FrameResult) -> None:
        """Add the boxes of one frame; they are written with their batch."""
        self._final.take(result.events)
        tracks, count = result.tracks, len(result.tracks)
        if not count:
            return
        live = np.zeros(count, np.int64) if result.identities is None else result.identities.ids
        values = (
            np.full(count, result.frame.index),
            np.full(count, result.frame.timestamp_s),
            *(tracks.ids, live, live),
            *tracks.boxes.T,
            *(tracks.scores, tracks.classes, tracks.observed),
        )
        columns = dict(zip(_COLUMNS, values, strict=True))
        self._waiting.append({"camera": [result.camera] * count, **columns})
        self._rows += count
        if self._rows >= _ROWS_PER_GROUP:
            self._flush()

    def write_events(self, events: Iterable[IdentityEvent]) -> None:
        """Note events that belong to no frame, such as those after the last one."""
        self._final.take(events)

    def _flush(self) -> None:
        """Write the waiting rows as one batch."""
        pa, waiting = self._arrow, self._waiting
        arrays = []
        for field in self._schema:
            if field.name == "camera":
                names = [name for rows in waiting for name in rows["camera"]]
                arrays.append(pa.array(names, pa.string()).dictionary_encode())
                continue
            column = np.concatenate([rows[field.name] for rows in waiting])
            unsure = column == 0 if field.name.endswith("identity") else None
            arrays.append(pa.array(column, field.type, mask=unsure))
        self._waiting, self._rows = [], 0
        try:
            self._stream.write_batch(pa.record_batch(arrays, schema=self._schema))
            self._file.flush()
        except OSError as error:
            raise cannot_write(self._part, error) from None

    def _finish(self) -> None:
        beside = self.path.with_name(f"{self.path.name}.new")
        try:
            beside.unlink(missing_ok=True)
            if self._waiting:
                self._flush()
            self._stream.close()
            self._file.close()
            self._convert(beside)
            os.replace(beside, self.path)
            self._part.unlink()
        except OSError as error:
            with suppress(OSError):
                beside.unlink()
            raise cannot_write(self.path, error) from None
        finally:
            with suppress(OSError):
                self._file.close()

    def _convert(self, path: Path) -> None:
        """Convert the stream to Parquet with final identities, one row group per batch."""
        import pyarrow.parquet

        pa = self._arrow
        place = self._schema.get_field_index("identity")
        with (
            pa.OSFile(str(self._part)) as file,
            pa.ipc.open_stream(file) as batches,
            pyarrow.parquet.ParquetWriter(path, self._schema, compression="zstd") as writer,
        ):
            for batch in batches:
                columns = (batch.column(name).to_pylist() for name in ("camera", "frame", "track"))
                final: list[int | None] = []
                for (camera, _), rows in groupby(zip(*columns, strict=True), itemgetter(0, 1)):
                    tracks = [track for *_, track in rows]
                    found = once_each(tracks, partial(self._final.one, camera))
                    final += [identity or None for identity in found]
                identity = pa.array(final, pa.int64())
                writer.write_batch(batch.set_column(place, self._schema.field(place), identity))


def _require_pyarrow() -> Any:
    try:
        import pyarrow
        import pyarrow.ipc
    except ImportError:
        raise MissingDependencyError(
            "Parquet tables are written by the package pyarrow; "
            "install it with pip install 'reid-tracker[parquet]', or leave out --save-parquet"
        ) from None
    return pyarrow
