"""`reid-track weights list | pull NAME... | verify`: the models that the project knows."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn
from rich.progress import Progress as Bar
from rich.table import Table

from reid_tracker import zoo
from reid_tracker.cli.parser import Parser

_WIDTH_OF_A_PIPE = 240
"""Columns where nobody looks at a screen: enough that no name and no checksum is broken in two."""

_EXAMPLES = """\
examples:
  reid-track weights list
  reid-track weights pull yolo11n osnet_x1_0_msmt17
  reid-track video.mp4 --encoder osnet_x1_0_msmt17
  reid-track weights verify
"""


def run(arguments: argparse.Namespace) -> int:
    """List, download or verify models; returns the exit code.

    Raises:
        ReidTrackerError: an unknown name, or a model that cannot be downloaded.
    """
    if arguments.action == "list":
        return _list(as_json=arguments.json)
    if arguments.action == "pull":
        return _pull(arguments.names, quiet=arguments.quiet)
    return _verify()


def add_arguments(parser: Parser) -> None:
    """Add the actions."""
    parser.description = "List the models that this project knows, download and verify them."
    parser.epilog = _EXAMPLES
    add = parser.add_actions()
    listing = add("list", "show all models")
    listing.add_argument("--json", action="store_true", help="print all that is known, as JSON")
    pulling = add("pull", "download models that are not here, and print their paths")
    pulling.add_argument("names", nargs="+", metavar="NAME", help="names of `weights list`")
    add("verify", "check all models that are here")


def _list(*, as_json: bool) -> int:
    manifest = zoo.load_manifest()
    entries = manifest.of_task("detector") + manifest.of_task("encoder")
    if as_json:
        rows = [_record(entry, manifest) for entry in entries]
        data = {"folder": str(zoo.download_folder()), "models": rows}
        sys.stdout.write(json.dumps(data, indent=2) + "\n")
        return 0
    table = Table("name", "task", "where", "size", "licence", "figures", box=None)
    table.columns[0].no_wrap = True
    for entry in entries:
        figures = ", ".join(f"{text} {value}" for text, value in entry.figures.items())
        size = _size(entry, manifest)
        table.add_row(
            entry.name,
            entry.task,
            _where(entry, manifest),
            "" if size is None else f"{size / 1e6:.1f} MB",
            entry.licence.partition(";")[0],
            figures,
        )
    console = _console()
    console.print(table, markup=False)
    console.print(
        f"downloads: {zoo.download_folder()}", soft_wrap=True, markup=False, highlight=False
    )
    return 0


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
    for name in names:  # a typing error in the last one costs no download of the first
        manifest.get(name)
    for name in names:
        with _bar(quiet=quiet) as bar:
            shown = _Shown(bar, name)
            path = zoo.pull(name, shown, manifest)
        sys.stdout.write(f"{path}\n")
    return 0


class _Shown:
    """Shows one download in a progress bar, which appears with its first bytes."""

    def __init__(self, bar: Bar, name: str) -> None:
        self._bar = bar
        self._task = bar.add_task(name, total=None, visible=False)

    def __call__(self, received_bytes: int, total_bytes: int | None) -> None:
        self._bar.update(self._task, completed=received_bytes, total=total_bytes, visible=True)


def _bar(*, quiet: bool) -> Bar:
    return Bar(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        console=Console(stderr=True),
        disable=quiet,
    )


def _verify() -> int:
    verdicts = zoo.verify()
    table = Table("name", "result", "checked by", "path", box=None)
    for verdict in verdicts:
        result = "ok" if verdict.wrong is None else f"WRONG: {verdict.wrong}"
        by = {"form": "form alone, no checksum is known"}.get(
            verdict.checked_by, f"{verdict.checked_by} checksum"
        )
        table.add_row(verdict.entry.name, result, by, str(verdict.path))
    wrong = sum(verdict.wrong is not None for verdict in verdicts)
    console = _console()
    if verdicts:
        console.print(table, markup=False)
    console.print(f"{len(verdicts)} models on this machine, {wrong} wrong", highlight=False)
    return 1 if wrong else 0


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else _WIDTH_OF_A_PIPE)
