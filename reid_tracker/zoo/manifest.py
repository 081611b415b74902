"""Reads weights/manifest.yaml, the list of all known models."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reid_tracker.config import read_yaml
from reid_tracker.config.checked import from_mapping, shown
from reid_tracker.errors import ConfigError
from reid_tracker.resources import shipped
from reid_tracker.zoo.entry import Entry

_KEYS = {"families", "models"}
"""`families` only contains YAML anchors that entries share."""


@dataclass(frozen=True)
class Manifest:
    """All models, and the folder of the shipped ones.

    Attributes:
        entries: models in file order.
        folder: folder that contains the files of shipped entries.
    """

    entries: tuple[Entry, ...]
    folder: Path

    def get(self, name: str) -> Entry:
        """Return the entry with this name.

        Raises:
            ConfigError: the name is unknown; the message suggests the nearest one.
        """
        known = {entry.name: entry for entry in self.entries}
        if name in known:
            return known[name]
        close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f"did you mean '{close[0]}'? " if close else ""
        raise ConfigError(
            f"no model '{shown(name, str)}': {hint}`reid-track weights list` shows all names"
        )

    def known(self, name: str, task: str) -> Entry | None:
        """Return the entry with this name and task, or None."""
        return next((e for e in self.entries if e.name == name and e.task == task), None)

    def of_task(self, task: str) -> list[Entry]:
        """Return the entries of a task, best first, unranked last."""
        ranked = [(entry.rank or 2**63, entry.name, entry) for entry in self.entries]
        return [
            entry for *_, entry in sorted(ranked, key=lambda item: item[:2]) if entry.task == task
        ]


def load_manifest(path: str | Path | None = None) -> Manifest:
    """Read a manifest.

    Args:
        path: the file; None means the shipped manifest.

    Raises:
        ConfigError: the file cannot be read, a key is unknown, or a value is invalid.
    """
    path = shipped("weights", "manifest.yaml") if path is None else Path(path)
    try:
        status = path.stat()
    except OSError:
        return _read(path)  # raises the error
    return _read_once(path, (status.st_mtime_ns, status.st_size, status.st_ino))


@functools.lru_cache(maxsize=8)
def _read_once(path: Path, state: object) -> Manifest:
    """Read a manifest, which takes 0.1 s, or return it from the cache if it is unchanged."""
    del state
    return _read(path)


def _read(path: Path) -> Manifest:
    data = read_yaml(path)
    where = shown(path, str)
    unknown = set(map(str, data)) - _KEYS
    models = data.get("models")
    if unknown or not isinstance(models, list):
        found = f"unknown key '{shown(min(unknown), str)}'" if unknown else "no list 'models'"
        raise ConfigError(f"{where}: {found}; expected the key 'models' with a list of models")
    entries = tuple(_entry(item, f"{where}: models[{n}].") for n, item in enumerate(models))
    _check_unique(entries, where)
    _check_spaces(entries, where)
    return Manifest(entries, path.parent)


def _entry(data: Any, where: str) -> Entry:
    if not isinstance(data, Mapping):
        raise ConfigError(f"{where.rstrip('.')} = {shown(data)}: expected a mapping")
    figures = data.get("figures") or {}
    if not isinstance(figures, Mapping) or not all(
        isinstance(key, str) and isinstance(value, str | int | float)
        for key, value in figures.items()
    ):
        raise ConfigError(f"{where}figures = {shown(figures)}: expected 'text: number' pairs")
    # Name the entry in errors.
    if isinstance(name := data.get("name"), str) and name:
        where = f"{where.rstrip('.')} {shown(name, str)}: "
    rest = {key: value for key, value in data.items() if key != "figures"}
    return replace(from_mapping(Entry, rest, where), figures=dict(figures))


def _check_unique(entries: tuple[Entry, ...], where: str) -> None:
    """Raise an error if two entries have the same name or the same file."""
    for kind, values in (
        ("name", [entry.name for entry in entries]),
        ("file", [entry.file.lower() for entry in entries]),
    ):
        repeated = {value for value in values if values.count(value) > 1}
        if repeated:
            raise ConfigError(f"{where}: two models have the {kind} '{min(repeated)}'")


def _check_spaces(entries: tuple[Entry, ...], where: str) -> None:
    """Raise an error if different architectures have the same embedding space."""
    seen: dict[str, str | None] = {}
    for entry in entries:
        if entry.space and seen.setdefault(entry.space, entry.architecture) != entry.architecture:
            raise ConfigError(
                f"{where}: models of the space '{entry.space}' differ in their architecture"
            )
