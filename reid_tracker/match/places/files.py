"""Reads and writes the YAML files of this room: one checked dataclass per file."""

from __future__ import annotations

from pathlib import Path

from reid_tracker.config import read_yaml
from reid_tracker.config.checked import Checked, CheckedT, from_mapping, shown, to_yaml
from reid_tracker.errors import ConfigError, OutputError


def load_checked(kind: type[CheckedT], path: str | Path) -> CheckedT:
    """Read an object of a checked dataclass from a YAML file.

    Raises:
        ConfigError: the file is missing, is not YAML, or holds a value that is not allowed; the
            message names the file.
    """
    try:
        return from_mapping(kind, read_yaml(Path(path)))
    except ConfigError as error:
        name = shown(path, str)
        raise ConfigError(str(error) if name in str(error) else f"{name}: {error}") from None


def save_checked(value: Checked, path: str | Path, head: str = "") -> None:
    """Write an object of a checked dataclass as YAML, after the comment lines in `head`.

    Raises:
        OutputError: the file cannot be written.
    """
    try:
        Path(path).write_text(head + to_yaml(value), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write {shown(path, str)}: {error.strerror}") from None
