"""`reid-track gallery`: shows, deletes, exports and imports the content of the gallery."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from reid_tracker.cli.options import add_gallery_option, default_gallery
from reid_tracker.cli.parser import Parser
from reid_tracker.cli.redact import one_line
from reid_tracker.errors import ConfigError, InputError, StoreError
from reid_tracker.match.gallery.aging import doubt
from reid_tracker.match.gallery.open import open_gallery, open_to_read
from reid_tracker.match.gallery.records import StoreInfo, Where, number_now
from reid_tracker.match.gallery.store import GalleryStore
from reid_tracker.match.gallery.transfer import export_gallery, import_gallery
from reid_tracker.run.moments import moment, parse_age

_EXAMPLES = """\
examples:
  reid-track gallery info
  reid-track gallery forget 12 17
  reid-track gallery purge --older-than 48h
  reid-track gallery export copy.jsonl.gz --gallery postgresql://me@host/people
  reid-track gallery import copy.jsonl.gz --gallery new.sqlite
"""


def run(arguments: argparse.Namespace) -> int:
    """Run the chosen action."""
    actions: dict[str, Callable[[argparse.Namespace], int]] = {
        "info": _info,
        "forget": _forget,
        "purge": _purge,
        "export": _export,
        "import": _import,
    }
    return actions[arguments.action](arguments)


def add_arguments(parser: Parser) -> None:
    """Add the actions."""
    parser.description = "Maintain the gallery, which stores who was seen where and when."
    parser.epilog = _EXAMPLES
    add = parser.add_actions(add_gallery_option)
    info = add("info", "show the content of the gallery in numbers")
    info.add_argument("--json", action="store_true", help="print JSON")
    forget = add("forget", "delete all data of a person")
    forget.add_argument(
        "identities", nargs="+", type=_identity, metavar="ID", help="number of an identity"
    )
    purge = add("purge", "delete old sightings, or everything")
    which = purge.add_mutually_exclusive_group(required=True)
    which.add_argument("--older-than", metavar="AGE", help="age in hours, or e.g. 90m, 48h, 7d")
    which.add_argument("--all", action="store_true", help="delete everything")
    purge.add_argument(
        "--clock-is-right",
        action="store_true",
        help="delete by age even if nothing was stored for a day",
    )
    export = add("export", "copy the gallery to a file of JSON lines")
    export.add_argument("file", type=Path, metavar="FILE", help=".jsonl, or .jsonl.gz to compress")
    export.add_argument("--crops", action="store_true", help="include stored pictures")
    export.add_argument("--overwrite", action="store_true", help="replace the file")
    importing = add("import", "read an export into an empty gallery")
    importing.add_argument("file", type=Path, metavar="FILE", help="exported file")


def _identity(text: str) -> int:
    if not text.isdecimal() or int(text) == 0 or len(text) > 18:
        raise argparse.ArgumentTypeError(f"'{text}': expected the number of an identity, from 1")
    return int(text)


def _open(arguments: argparse.Namespace, *, create: bool = False) -> GalleryStore:
    return open_gallery(arguments.gallery or default_gallery(), create=create)


def _open_to_read(arguments: argparse.Namespace) -> GalleryStore:
    return open_to_read(arguments.gallery or default_gallery())


def _say(arguments: argparse.Namespace, text: str) -> None:
    if not arguments.quiet:
        sys.stdout.write(f"{one_line(text)}\n")


def _info(arguments: argparse.Namespace) -> int:
    with _open_to_read(arguments) as store:
        info = store.info()
    if arguments.json:
        sys.stdout.write(json.dumps(asdict(info), indent=2) + "\n")
    else:
        sys.stdout.write(_described(info))
    return 0


def _described(info: StoreInfo) -> str:
    lines = [
        f"gallery     {info.place} ({info.kind}, {info.size_bytes / 1e6:.1f} MB)",
        f"sightings   {info.sightings} of {info.identities} people, {info.embeddings} embeddings, "
        f"{info.crops} pictures",
        f"cameras     {', '.join(info.cameras) or 'none'}",
    ]
    if info.first_s is not None and info.last_s is not None:
        lines.append(f"seen        {moment(info.first_s)} to {moment(info.last_s)}")
    model = "none yet" if info.model is None else f"{info.model}, {info.embedding_size} numbers"
    lines += [
        f"model       {model}",
        f"identities  {info.events} events, the next new person is {info.next_identity}",
    ]
    for line in info.deletions:
        lines.append(f"deleted     {moment(line.time_s)} {line.what}: {line.sightings} sightings")
    return "".join(f"{one_line(line)}\n" for line in lines)


def _forget(arguments: argparse.Namespace) -> int:
    with _open(arguments) as store:
        events = store.events()
        # Check all numbers before anything is deleted.
        for identity in arguments.identities:
            now = number_now(identity, events)
            if now != identity:
                raise InputError(
                    f"{identity} is the same person as {now}; to forget this person, run "
                    f"reid-track gallery forget {now}"
                )
            if not store.sightings(Where(identities=(identity,)), limit=1):
                raise InputError(f"the gallery {store.info().place} has no person {identity}")
        for identity in arguments.identities:
            _say(arguments, f"forgot {identity}: {store.forget(identity)} sightings deleted")
    return 0


def _purge(arguments: argparse.Namespace) -> int:
    age_s = None if arguments.all else parse_age(arguments.older_than)
    with _open(arguments) as store:
        now_s = time.time()
        reason = doubt(store.info().stored_s, now_s)
        if age_s is not None and reason and not arguments.clock_is_right:
            raise StoreError(
                f"{reason}, {moment(now_s)}: a clock that is ahead would delete too much; if it is "
                "right, add --clock-is-right"
            )
        count = store.purge() if age_s is None else store.purge(now_s - age_s)
    _say(arguments, f"{count} sightings deleted")
    return 0


def _export(arguments: argparse.Namespace) -> int:
    with _open_to_read(arguments) as store:
        counts = export_gallery(
            store, arguments.file, crops=arguments.crops, overwrite=arguments.overwrite
        )
    _say(
        arguments,
        f"{arguments.file}: {counts.sightings} sightings, {counts.events} events, "
        f"{counts.crops} pictures",
    )
    return 0


def _import(arguments: argparse.Namespace) -> int:
    if not arguments.file.is_file():
        raise ConfigError(f"{arguments.file}: no such file; expected an export of a gallery")
    with _open(arguments, create=True) as store:
        counts = import_gallery(store, arguments.file)
        place = store.info().place
    _say(
        arguments,
        f"{place}: {counts.sightings} sightings, {counts.events} events, {counts.crops} pictures",
    )
    return 0
