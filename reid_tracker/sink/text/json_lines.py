"""JSON lines: one object per frame, for programs that follow a run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import TextIO

from reid_tracker.sink.files import TextSink, rounded
from reid_tracker.sink.text.final_text import once_each
from reid_tracker.types import FrameResult

SCHEMA = "reid_tracker/frame/1"


class JsonlSink(TextSink):
    """Writes one line per frame, also for frames without tracks.

    Keys: `schema`, `camera`, `frame` (number in the source, counted from 0), `timestamp_s`,
    `captured_s` (UTC seconds since 1970, absent if the source does not say), and `tracks`, a list
    of `id`, `box` (left, top, right, bottom in pixels), `score`, `class`, `age_s`, `observed` and
    `detection_index` (-1 if predicted only), and `class_name` if the detector has one. In a run
    over several cameras, a track also has `identity`, its number over all cameras, null while
    unknown.
    """

    def write(self, result: FrameResult) -> None:
        """Write one line."""
        tracks = result.tracks
        rows = zip(
            tracks.ids.tolist(),
            rounded(tracks.boxes, 2),
            rounded(tracks.scores, 4),
            tracks.classes.tolist(),
            rounded(tracks.ages_s, 3),
            tracks.observed.tolist(),
            tracks.detection_index.tolist(),
            strict=True,
        )
        keys = ("id", "box", "score", "class", "age_s", "observed", "detection_index")
        shown = [dict(zip(keys, row, strict=True)) for row in rows]
        for track in shown:
            if (name := result.class_names.get(track["class"])) is not None:
                track["class_name"] = name
        if result.identities is not None:
            for track, identity in zip(shown, result.identities.ids.tolist(), strict=True):
                track["identity"] = identity or None
        line: dict[str, object] = {
            "schema": SCHEMA,
            "camera": result.camera,
            "frame": result.frame.index,
            "timestamp_s": round(result.frame.timestamp_s, 6),
        }
        if result.frame.captured_s is not None:
            line["captured_s"] = round(result.frame.captured_s, 6)
        line["tracks"] = shown
        self.append(
            json.dumps(line, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"
        )


def copy_with_identities(
    lines: Iterable[str], identity_of: Callable[[int], int], file: TextIO
) -> None:
    """Copy JSON lines with final identities; null where they are unknown."""
    for line in lines:
        frame = json.loads(line)
        tracks = frame["tracks"]
        identities = once_each([track["id"] for track in tracks], identity_of)
        for track, identity in zip(tracks, identities, strict=True):
            track["identity"] = identity or None
        file.write(json.dumps(frame, ensure_ascii=False, separators=(",", ":")) + "\n")
