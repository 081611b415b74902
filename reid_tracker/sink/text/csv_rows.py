"""CSV with a header: one row per box, for spreadsheets and pandas."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import groupby, repeat
from operator import itemgetter
from pathlib import Path
from typing import TextIO

from reid_tracker.errors import OutputError
from reid_tracker.sink.files import TextSink, rounded
from reid_tracker.sink.text.final_text import once_each
from reid_tracker.types import FrameResult

COLUMNS = (
    *("camera", "frame", "timestamp_s", "id", "left", "top", "right", "bottom", "score", "class"),
    *("age_s", "observed", "detection_index", "identity", "class_name"),
)
_FRAME, _TRACK, _IDENTITY = map(COLUMNS.index, ("frame", "id", "identity"))


class CsvSink(TextSink):
    """Writes one row per box, in pixels and seconds; frames count from 0, `observed` is 0 or 1.

    `identity` is the identity over all cameras known at that frame. It is empty while unknown, and
    in a run of one camera. `identities.jsonl` holds later changes. `class_name` is empty if the
    detector has no names.
    """

    def __init__(self, path: Path, *, overwrite: bool = False) -> None:
        super().__init__(path, overwrite=overwrite)
        try:
            self.append(",".join(COLUMNS) + "\n")
        except OutputError:
            # No caller knows the file yet, so it must be removed here.
            with suppress(OutputError):
                self.close()
            with suppress(OSError):
                path.unlink()
            raise

    def write(self, result: FrameResult) -> None:
        """Write the boxes of one frame; a frame without tracks leaves no row."""
        tracks = result.tracks
        columns = (
            tracks.ids.tolist(),
            *(rounded(tracks.boxes[:, side], 2) for side in range(4)),
            rounded(tracks.scores, 4),
            tracks.classes.tolist(),
            rounded(tracks.ages_s, 3),
            tracks.observed.astype(int).tolist(),
            tracks.detection_index.tolist(),
            _identities(result),
            [result.class_names.get(number) for number in tracks.classes.tolist()],
        )
        of_frame = (result.camera, result.frame.index, round(result.frame.timestamp_s, 6))
        text = io.StringIO()
        rows = zip(*map(repeat, of_frame), *columns, strict=False)  # the frame's values repeat
        csv.writer(text, lineterminator="\n").writerows(rows)
        self.append(text.getvalue())


def _identities(result: FrameResult) -> list[int | None]:
    """Return the identity of each track; None (an empty field) where unknown."""
    if result.identities is None:
        return [None] * len(result.tracks)
    return [identity or None for identity in result.identities.ids.tolist()]


def copy_with_identities(
    lines: Iterable[str], identity_of: Callable[[int], int], file: TextIO
) -> None:
    """Copy CSV rows with final identities; the field stays empty where they are unknown."""
    rows, writer = csv.reader(lines), csv.writer(file, lineterminator="\n")
    writer.writerow(next(rows))
    for _, group in groupby(rows, key=itemgetter(_FRAME)):
        some = list(group)
        identities = once_each([int(row[_TRACK]) for row in some], identity_of)
        for row, identity in zip(some, identities, strict=True):
            row[_IDENTITY] = str(identity or "")
            writer.writerow(row)
