"""Identity events as JSON lines: identities that are new, matched, merged or split."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from reid_tracker.sink.files import TextSink, whole_lines
from reid_tracker.types import FrameResult, IdentityEvent

EVENTS_FILE = "identities.jsonl"
_SCHEMA = "reid_tracker/identity/1"


class IdentityEventSink(TextSink):
    """Writes one line per event, from the results of every camera.

    Keys: `schema`, `kind` (new, match, merge, split), `identity` (null while unknown),
    `previous_ids`, `members` (a list of `camera` and `track`), `reason`, `score`, `time_s`. An
    event gives its members this identity, also for their past frames.
    """

    def write(self, result: FrameResult) -> None:
        """Write the events of one frame."""
        self.write_events(result.events)

    def write_events(self, events: Iterable[IdentityEvent]) -> None:
        """Write events that belong to no frame, such as those after the last one."""
        self.append("".join(f"{_line(event)}\n" for event in events))


def read_events(path: Path) -> Iterator[IdentityEvent]:
    """Yield the events of an `IdentityEventSink`'s file; a partial last line is skipped.

    Raises:
        OSError: the file cannot be read.
        ValueError, KeyError, TypeError: the file is damaged.
    """
    with path.open(encoding="utf-8") as lines:
        for line in whole_lines(lines):
            one: dict[str, Any] = json.loads(line)
            if one["schema"] != _SCHEMA:
                raise ValueError(one["schema"])
            yield IdentityEvent(
                kind=one["kind"],
                identity=one["identity"] or 0,
                previous_ids=tuple(one["previous_ids"]),
                members=tuple((each["camera"], each["track"]) for each in one["members"]),
                reason=one["reason"],
                score=one["score"],
                time_s=one["time_s"],
            )


def _line(event: IdentityEvent) -> str:
    line = {
        "schema": _SCHEMA,
        "kind": event.kind,
        "identity": event.identity or None,
        "previous_ids": list(event.previous_ids),
        "members": [{"camera": camera, "track": track} for camera, track in event.members],
        "reason": event.reason,
        "score": round(event.score, 4),
        "time_s": round(event.time_s, 6),
    }
    return json.dumps(line, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
