"""Identity events as JSON lines: who is new, matched, merged or split, for all cameras of a run."""

from __future__ import annotations

import json
from collections.abc import Iterable

from reid_tracker.sink.files import TextSink
from reid_tracker.types import FrameResult, IdentityEvent

SCHEMA = "reid_tracker/identity/1"


class IdentityEventSink(TextSink):
    """Writes one line an event; takes the results of every camera.

    Keys: `schema`, `kind` (new, match, merge, split), `identity` (null where it is open who it is),
    `previous_ids`, `members` (a list of `camera` and `track`), `reason`, `score`, `time_s`. From
    the event on, the members have this identity, also for their past.

    Args:
        path: the file.
        overwrite: whether an existing file may be replaced.

    Raises:
        OutputError: the file exists, or cannot be made.
    """

    def write(self, result: FrameResult) -> None:
        """Write the events of one frame.

        Raises:
            OutputError: the disk is full, or the file cannot be written.
        """
        self.write_events(result.events)

    def write_events(self, events: Iterable[IdentityEvent]) -> None:
        """Write events that no frame carries, such as those after the last one."""
        self.append("".join(f"{_line(event)}\n" for event in events))


def _line(event: IdentityEvent) -> str:
    line = {
        "schema": SCHEMA,
        "kind": event.kind,
        "identity": event.identity or None,
        "previous_ids": list(event.previous_ids),
        "members": [{"camera": camera, "track": track} for camera, track in event.members],
        "reason": event.reason,
        "score": round(event.score, 4),
        "time_s": round(event.time_s, 6),
    }
    return json.dumps(line, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
