"""Makes the text with final identities of a run that was killed, of what it had written by then."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from reid_tracker.errors import OutputError
from reid_tracker.sink.files import cannot_write
from reid_tracker.sink.open import file_stem
from reid_tracker.sink.text.global_text import (
    GlobalCsvSink,
    GlobalJsonlSink,
    GlobalMotSink,
    GlobalTextSink,
    whole_lines,
)
from reid_tracker.sink.text.identity_events import SCHEMA
from reid_tracker.types import IdentityEvent

_EVENTS = "identities.jsonl"
_KINDS: dict[str, type[GlobalTextSink]] = {
    ".txt": GlobalMotSink,
    ".jsonl": GlobalJsonlSink,
    ".csv": GlobalCsvSink,
}


def finish_texts(folder: Path) -> list[Path]:
    """Write `CAMERA_global.SUFFIX` for texts of a folder that have none, from `identities.jsonl`.

    One in which nothing is missing by the names of its files is told at once: nothing is read.

    Args:
        folder: that nobody writes any more; one without `identities.jsonl` is left as it is.

    Returns:
        The files made.

    Raises:
        OutputError: a file cannot be read or written, or is damaged.
    """
    path = folder / _EVENTS
    try:
        if not path.is_file() or _has_all(os.listdir(folder)):
            return []
        events = list(_events(path))
        stems = {file_stem(member[0]): member[0] for event in events for member in event.members}
        made = []
        for suffix, kind in _KINDS.items():
            files = {
                camera: (folder / f"{stem}{suffix}", folder / f"{stem}_global{suffix}")
                for stem, camera in stems.items()
            }
            missing = {
                camera: (source, target)
                for camera, (source, target) in files.items()
                if source.is_file() and not target.exists()
            }
            if missing:
                with kind(missing) as sink:
                    sink.write_events(events)
                made += [target for _, target in missing.values()]
    except OSError as error:
        raise cannot_write(folder, error) from None
    except (ValueError, KeyError, TypeError, IndexError, StopIteration) as error:
        raise OutputError(f"the files of {folder} are damaged: {type(error).__name__}") from None
    return made


def _has_all(names: Collection[str]) -> bool:
    """Tell whether there is a text with final identities beside each camera's own."""
    texts = {name for name in names if name.endswith(tuple(_KINDS)) and name != _EVENTS}
    final = {text: "{}_global{}".format(*os.path.splitext(text)) for text in texts}
    cameras = texts.difference(final.values())
    return all(final[text] in texts for text in cameras)


def _events(path: Path) -> Iterator[IdentityEvent]:
    with path.open(encoding="utf-8") as lines:
        for line in whole_lines(lines):
            one: dict[str, Any] = json.loads(line)
            if one["schema"] != SCHEMA:
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
