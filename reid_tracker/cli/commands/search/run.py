"""`reid-track search`: finds where a person has been, in a gallery or in a video."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from reid_tracker.cli.commands.search.output import save_pictures
from reid_tracker.cli.options import add_device, add_gallery_option, default_gallery
from reid_tracker.cli.parser import Parser, suggestion
from reid_tracker.cli.redact import one_line
from reid_tracker.cli.report import console
from reid_tracker.config.checked import shown
from reid_tracker.errors import ConfigError, InputError
from reid_tracker.match.gallery.open import open_to_read
from reid_tracker.match.gallery.records import SightingRecord, Where, number_now
from reid_tracker.match.gallery.store import GalleryStore
from reid_tracker.run.moments import moment, parse_moment

_EXAMPLES = """examples:
  reid-track search 12
  reid-track search person.jpg --camera door --camera yard --since 2h
  reid-track search cam1.mp4@0:35 --gallery postgresql://me@host/people --top 5
  reid-track search person.jpg --in video.mp4
"""

_log = logging.getLogger(__name__)


def run(arguments: argparse.Namespace) -> int:
    """Search, and print the results."""
    if arguments.top < 1:
        raise ConfigError(f"--top {arguments.top}: expected at least 1")
    where = _where(arguments)
    identity = _as_identity(arguments.query)
    if arguments.video is not None:
        from reid_tracker.cli.commands.search.video import search_video

        if identity is not None:
            raise ConfigError(
                "--in searches with a picture of a person, not with an identity number"
            )
        rows = search_video(arguments)
    elif identity is not None:
        rows = _of_identity(arguments, identity, where)
    else:
        rows = _of_picture(arguments, where)
    _print(arguments, rows)
    return 0


def add_arguments(parser: Parser) -> None:
    """Add the arguments."""
    parser.description = (
        "Find where a person has been: the sightings in a gallery that are most similar to a "
        "picture, or all sightings of an identity by time."
    )
    parser.epilog = _EXAMPLES
    parser.add_argument(
        "query",
        metavar="IMAGE|VIDEO@TIME|ID",
        help="picture of the person, a video with a time in seconds or as h:mm:ss, or an identity "
        "number",
    )
    add_gallery_option(parser)
    limits = parser.add_argument_group("which sightings")
    for name in ("camera", "site"):
        limits.add_argument(
            f"--{name}",
            action="append",
            default=[],
            metavar="NAME",
            help=f"only sightings of this {name} (repeatable)",
        )
    limits.add_argument(
        "--since",
        metavar="TIME",
        help="only sightings at or after TIME: 2026-11-24T18:30, 2h (ago), or UTC seconds",
    )
    limits.add_argument("--until", metavar="TIME", help="only sightings at or before TIME")
    limits.add_argument(
        "--top", type=int, default=20, metavar="N", help="show at most N results (default: 20)"
    )
    limits.add_argument(
        "--identities", action="store_true", help="only the best sighting of each identity"
    )
    _add_picture(parser)
    _add_output(parser)


def _add_picture(parser: Parser) -> None:
    picture = parser.add_argument_group("query picture")
    picture.add_argument(
        "--person",
        type=int,
        metavar="N",
        help="which person in the picture, counted from 1 from the left",
    )
    picture.add_argument(
        "--whole",
        action="store_true",
        help="use the whole picture as the person, without detection",
    )
    for names in (("--encoder", "--reid-model"), ("--detector", "--yolo-model")):
        picture.add_argument(
            *names, metavar="MODEL", default="auto", help="as for reid-track track (default: auto)"
        )
    add_device(picture)
    picture.add_argument(
        "--in", dest="video", metavar="VIDEO", help="search this video instead of a gallery"
    )


def _add_output(parser: Parser) -> None:
    output = parser.add_argument_group("output")
    output.add_argument("--json", action="store_true", help="print the results as JSON")
    output.add_argument(
        "--save-crops",
        metavar="FOLDER",
        help="write the stored pictures of the results into FOLDER",
    )
    output.add_argument(
        "--sheet", metavar="FILE", help="draw the stored pictures of the results on a PNG sheet"
    )
    output.add_argument("--overwrite", action="store_true", help="replace existing files")


def _where(arguments: argparse.Namespace) -> Where:
    limits: dict[str, Any] = {}
    if arguments.since is not None:
        limits["since_s"] = parse_moment(arguments.since)
    if arguments.until is not None:
        limits["until_s"] = parse_moment(arguments.until)
    try:
        return Where(tuple(arguments.camera), sites=tuple(arguments.site), **limits)
    except InputError as error:
        raise ConfigError(f"--since and --until: {error}") from None


def _as_identity(query: str) -> int | None:
    """Return the query as an identity number; None if it is a file."""
    if query.isdecimal() and len(query) < 19 and not Path(query).exists():
        return int(query)
    return None


def _of_identity(
    arguments: argparse.Namespace, identity: int, where: Where
) -> list[dict[str, Any]]:
    with open_to_read(arguments.gallery or default_gallery()) as store:
        _check_cameras(arguments, store)
        now = number_now(identity, store.events())
        if now != identity:
            _log.warning("%d is the same person as %d", identity, now)
        every = store.sightings(Where(identities=(now,)), limit=1)
        if not every:
            raise InputError(f"the gallery {store.info().place} has no person {identity}")
        where = Where(where.cameras, (), where.sites, (now,), where.since_s, where.until_s)
        found = store.sightings(where, limit=arguments.top)
        save_pictures(arguments, store, [(one, None) for one in found])
    return [_row(one, None) for one in found]


def _of_picture(arguments: argparse.Namespace, where: Where) -> list[dict[str, Any]]:
    from reid_tracker.cli.commands.search.picture import embed_query

    # Check the gallery and camera names before loading models.
    with open_to_read(arguments.gallery or default_gallery()) as store:
        _check_cameras(arguments, store)
        query = embed_query(arguments, store)
        hits = store.nearest(
            query.embedding,
            model=query.model,
            k=arguments.top,
            where=where,
            one_per_identity=arguments.identities,
        )
        found = [(hit.sighting, hit.score) for hit in hits]
        save_pictures(arguments, store, found, query.picture)
    return [_row(hit.sighting, hit.score) for hit in hits]


def _check_cameras(arguments: argparse.Namespace, store: GalleryStore) -> None:
    """Refuse camera names that are not in the gallery."""
    if not arguments.camera:
        return
    info = store.info()
    for name in arguments.camera:
        if name not in info.cameras:
            known = shown(", ".join(info.cameras), str) or "none"
            raise ConfigError(
                f"--camera {shown(name, str)}: the gallery {info.place} has no such camera"
                f"{suggestion(name, info.cameras)}; it has {known}"
            )


def _row(one: SightingRecord, score: float | None) -> dict[str, Any]:
    known = {} if score is None else {"score": round(score, 4)}
    return known | {
        "identity": one.identity,
        "camera": one.camera,
        "site": one.site,
        "start_s": one.start_s,
        "end_s": one.end_s,
        "sighting": one.id,
    }


def _print(arguments: argparse.Namespace, rows: Sequence[dict[str, Any]]) -> None:
    if arguments.json:
        sys.stdout.write(json.dumps(list(rows), indent=2) + "\n")
        return
    if not rows:
        sys.stdout.write("nobody found\n")
        return
    hidden = {"sighting"} if any(row.get("site") for row in rows) else {"sighting", "site"}
    columns = [name for name in rows[0] if name not in hidden]
    table = Table("rank", *(name.removesuffix("_s") for name in columns), box=None)
    for rank, row in enumerate(rows, 1):
        table.add_row(str(rank), *(_cell(name, row[name]) for name in columns))
    console().print(table, markup=False)


def _cell(name: str, value: Any) -> str:
    if name.endswith("_s"):
        return moment(value)
    if name == "score":
        return f"{value:.3f}"
    return one_line(str(value)) if value != 0 else "?"
