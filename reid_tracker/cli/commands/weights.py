"""`reid-track weights list | pull NAME... | verify`: lists, downloads and verifies models."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.table import Table

from reid_tracker import zoo
from reid_tracker.cli.parser import Parser
from reid_tracker.cli.report import Steps, console

_RECOMMENDED = ("yolo11m", "osnet_ain_x1_0_msmt17")
_LEGEND = "* taken by `auto`   + worth a download: `reid-track weights pull NAME`"

_EXAMPLES = """\
examples:
  reid-track weights list
  reid-track weights pull yolo11n osnet_x1_0_msmt17
  reid-track video.mp4 --encoder osnet_x1_0_msmt17
  reid-track weights verify
"""


def run(arguments: argparse.Namespace) -> int:
    """List, download or verify models."""
    if arguments.action == "list":
        return _list(as_json=arguments.json)
    if arguments.action == "pull":
        return _pull(arguments.names, quiet=arguments.quiet)
    return _verify()


def add_arguments(parser: Parser) -> None:
    """Add the actions."""
    parser.description = "List, download and verify the known models."
    parser.epilog = _EXAMPLES
    add = parser.add_actions()
    listing = add("list", "show all models")
    listing.add_argument("--json", action="store_true", help="print all details as JSON")
    pulling = add("pull", "download models that are missing, and print the paths of all")
    pulling.add_argument("names", nargs="+", metavar="NAME", help="names of `weights list`")
    add("verify", "check the checksums of all models on this machine")


def _list(*, as_json: bool) -> int:
    manifest = zoo.load_manifest()
    entries = manifest.of_task("detector") + manifest.of_task("encoder")
    if as_json:
        rows = [_record(entry, manifest) for entry in entries]
        data = {"folder": str(zoo.download_folder()), "models": rows}
        sys.stdout.write(json.dumps(data, indent=2) + "\n")
        return 0
    best = [zoo.best(task, manifest) for task in ("detector", "encoder")]
    taken = {found[0].name for found in best if found is not None}
    printer = console()
    for task in ("detector", "encoder"):
        table = Table("", task, "where", "MB", "licence", "figures", box=None, pad_edge=False)
        table.columns[1].no_wrap = True
        for entry in manifest.of_task(task):
            size = _size(entry, manifest)
            table.add_row(
                "*" if entry.name in taken else "+" if entry.name in _RECOMMENDED else "",
                entry.name,
                _where(entry, manifest),
                "" if size is None else f"{size / 1e6:.1f}",
                entry.licence.partition(";")[0].partition(" ")[0],
                _shortened(entry.figures),
            )
        printer.print(table, markup=False)
        printer.print()
    printer.print(_LEGEND, markup=False, highlight=False)
    sys.stdout.write(f"downloads: {zoo.download_folder()}\n")
    return 0


def _shortened(figures: Mapping[str, float | str]) -> str:
    """Join figures such as "COCO mAP 39.5", without repeating the name of the data set."""
    parts: list[str] = []
    before = ""
    for text, value in figures.items():
        data, _, metric = text.rpartition(" ")
        parts.append(f"{metric} {value}" if data == before else f"{text} {value}")
        before = data
    return ", ".join(parts)


def _record(entry: zoo.Entry, manifest: zoo.Manifest) -> dict[str, Any]:
    path = zoo.locate(entry, manifest)
    more = {"where": _where(entry, manifest), "path": None if path is None else str(path)}
    return asdict(entry) | more


def _where(entry: zoo.Entry, manifest: zoo.Manifest) -> str:
    if zoo.locate(entry, manifest) is None:
        return "not here"
    return "shipped" if entry.shipped else "downloaded"


def _size(entry: zoo.Entry, manifest: zoo.Manifest) -> int | None:
    path = zoo.locate(entry, manifest)
    if entry.size_bytes is not None or path is None or not path.is_file():
        return entry.size_bytes
    return path.stat().st_size


def _pull(names: Sequence[str], *, quiet: bool) -> int:
    manifest = zoo.load_manifest()
    for name in names:  # check all names before the first download
        manifest.get(name)
    for name in names:
        with Steps(f"downloading {name}", quiet=quiet, note=lambda: "bytes") as steps:
            path = zoo.pull(
                name,
                lambda received_bytes, total_bytes: steps.reach(received_bytes, total_bytes),  # noqa: PLW0108 - names
                manifest,
            )
        sys.stdout.write(f"{path}\n")
    return 0


def _verify() -> int:
    verdicts = zoo.verify()
    table = Table("name", "result", "checked by", "path", box=None)
    for verdict in verdicts:
        result = "ok" if verdict.wrong is None else f"WRONG: {verdict.wrong}"
        by = {"form": "file type only, no known checksum"}.get(
            verdict.checked_by, f"{verdict.checked_by} checksum"
        )
        table.add_row(verdict.entry.name, result, by, str(verdict.path))
    wrong = sum(verdict.wrong is not None for verdict in verdicts)
    printer = console(pipe_width=240)  # wide, so that checksums are not wrapped
    if verdicts:
        printer.print(table, markup=False)
    printer.print(f"{len(verdicts)} models on this machine, {wrong} wrong", highlight=False)
    return 1 if wrong else 0
