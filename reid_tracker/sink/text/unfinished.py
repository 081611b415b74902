"""Repairs the outputs of a killed run: writes the missing texts with final identities."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from reid_tracker.errors import OutputError
from reid_tracker.sink.files import cannot_write, file_stem
from reid_tracker.sink.formats import FORMATS, final_name
from reid_tracker.sink.text.final_text import CopyWithIdentities, FinalTextSink
from reid_tracker.sink.text.identity_events import EVENTS_FILE, read_events


def finish_texts(folder: Path) -> list[Path]:
    """Write the missing `CAMERA_global.SUFFIX` files of a folder, from `identities.jsonl`.

    A complete folder is recognised by its file names; no file is read.

    Args:
        folder: a folder to which no run writes any more; without `identities.jsonl` it is not
            changed.

    Returns:
        The files made.

    Raises:
        OutputError: a file cannot be read or written, or is damaged.
    """
    path = folder / EVENTS_FILE
    made: list[Path] = []
    try:
        if not path.is_file() or _has_all(os.listdir(folder)):
            return []
        events = list(read_events(path))
        stems = {file_stem(member[0]): member[0] for event in events for member in event.members}
        for suffix, copy in _copiers().items():
            files = {
                camera: (folder / f"{stem}{suffix}", folder / final_name(f"{stem}{suffix}"))
                for stem, camera in stems.items()
            }
            missing = {
                camera: (source, target)
                for camera, (source, target) in files.items()
                if source.is_file() and not target.exists()
            }
            if missing:
                with FinalTextSink(missing, copy) as sink:
                    sink.write_events(events)
                made += [target for _, target in missing.values()]
    except OSError as error:
        raise cannot_write(folder, error) from None
    except (ValueError, KeyError, TypeError, IndexError, StopIteration) as error:
        raise OutputError(f"the files of {folder} are damaged: {type(error).__name__}") from None
    return made


def _copiers() -> dict[str, CopyWithIdentities]:
    return {one.suffix: one.copy for one in FORMATS.values() if one.copy is not None}


def _has_all(names: Collection[str]) -> bool:
    """Whether each camera's text has a copy with final identities beside it."""
    texts = {name for name in names if name.endswith(tuple(_copiers())) and name != EVENTS_FILE}
    final = {text: final_name(text) for text in texts}
    cameras = texts.difference(final.values())
    return all(final[text] in texts for text in cameras)
