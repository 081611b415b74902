"""Lists of sources: cameras.yaml, and `.streams` files with one address a line.

Messages quote only names and keys of a list, since any other text in it may be a password.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from reid_tracker.config.checked import Checked, from_mapping, shown
from reid_tracker.config.files import read_yaml
from reid_tracker.errors import ConfigError
from reid_tracker.video.address import expand_variables
from reid_tracker.video.naming import is_url

_NAME = re.compile(r"\w[\w.-]*")
_SUFFIXES = (".yaml", ".yml", ".streams")
_MOST_BYTES = 2**20
"""Maximum size of a list, or of a password file."""

_TURNS = (0, 90, 180, 270)
_TEXT = ((str, type(None)), "text; put it in quotes")
_KINDS: dict[str, tuple[Any, str]] = {
    "name": (str, "text; put it in quotes"),
    "url": (str, "text; put it in quotes"),
    "username": _TEXT,
    "password": _TEXT,
    "password_file": _TEXT,
    "transport": _TEXT,
    "rotate": (int, "0, 90, 180 or 270"),
    "live": (bool, "true or false"),
    "enabled": (bool, "true or false"),
}


@dataclass(frozen=True)
class CameraEntry(Checked):
    """One entry of cameras.yaml.

    Attributes:
        name: in results, files, topology and floor plan; empty takes the source's name.
        url: address or any other source; `${NAME}` is replaced by that environment variable.
        username: may hold `${NAME}`; null takes the user and password of the address.
        password: may hold `${NAME}`.
        password_file: file that holds the password, beside the list if the path is relative.
        transport: "tcp" or "udp"; null takes that of the configuration.
        rotate: degrees by which pictures are turned clockwise.
        live: true treats an address as a camera even if its video ends: it is reopened.
        enabled: false leaves the camera out.
    """

    name: str = ""
    url: str = field(default="", repr=False)
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    password_file: str | None = None
    transport: str | None = None
    rotate: int = 0
    live: bool = False
    enabled: bool = True


@dataclass(frozen=True)
class _CameraList(Checked):
    cameras: tuple[CameraEntry, ...] = ()


def is_camera_list(word: str) -> bool:
    """Return whether a command-line word names an existing list of sources."""
    return Path(word).suffix.lower() in _SUFFIXES and Path(word).is_file()


def read_camera_list(path: Path) -> list[CameraEntry]:
    """Read cameras.yaml or a `.streams` file.

    Args:
        path: an existing file.

    Returns:
        The cameras that are enabled, in order; variables and password files are read.

    Raises:
        ConfigError: the file cannot be read or is malformed; no camera is enabled; a name is
            invalid or not unique; a variable is not set; a password file cannot be read.
    """
    if path.suffix.lower() == ".streams":
        entries = _read_lines(path)
    else:
        entries = [_resolve(entry, path) for entry in _read_entries(path) if entry.enabled]
    if not entries:
        raise ConfigError(
            f"{path} lists no enabled camera: expected at least one with a name and a url"
        )
    names = [entry.name for entry in entries if entry.name]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ConfigError(
            f"{path}: two cameras are named '{shown(min(twice), str)}'; names must differ"
        )
    return entries


def _read_lines(path: Path) -> list[CameraEntry]:
    lines = _read_text(path, f"cannot read {path}").splitlines()
    urls = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    return [CameraEntry(url=url) for url in urls]


def _read_entries(path: Path) -> tuple[CameraEntry, ...]:
    data = read_yaml(path, secret=True)
    cameras = data.get("cameras")
    if not isinstance(cameras, list):
        raise ConfigError(f"{path}: expected 'cameras:' with a list of name and url")
    _check_keys(data, str(path))
    for number, camera in enumerate(cameras, 1):
        _check_kinds(camera, f"{path}: camera {number}")
    try:
        return from_mapping(_CameraList, data).cameras
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def _check_kinds(camera: Any, where: str) -> None:
    """Refuse wrong values here, since `from_mapping` would quote them."""
    if not isinstance(camera, Mapping):
        raise ConfigError(f"{where}: expected 'name: ...' and 'url: ...'")
    _check_keys(camera, where)
    for key, (kinds, expected) in _KINDS.items():
        value = camera.get(key)
        if key in camera and (not isinstance(value, kinds) or (kinds is int and value is True)):
            raise ConfigError(f"{where}: {key} is a {type(value).__name__}, expected {expected}")


def _check_keys(mapping: Mapping[Any, Any], where: str) -> None:
    for key in mapping:
        if not isinstance(key, str) or not re.fullmatch(r"[\w-]{1,40}", key):
            raise ConfigError(f"{where}: a key is not a plain word; put a space after each ':'")


def _resolve(entry: CameraEntry, path: Path) -> CameraEntry:
    """Check an entry, and read its credentials."""
    if not _NAME.fullmatch(entry.name):
        raise ConfigError(f"{path}: a camera needs a name of letters, digits, dots, dashes and _")
    where = f"{path}: camera '{shown(entry.name, str)}'"
    if not entry.url:
        raise ConfigError(f"{where}: expected url: rtsp://... or another source")
    if entry.rotate not in _TURNS:
        raise ConfigError(f"{where}: rotate = {shown(entry.rotate)}: expected 0, 90, 180 or 270")
    if entry.transport not in (None, "tcp", "udp"):
        raise ConfigError(f"{where}: transport: expected tcp or udp")
    if entry.password is not None and entry.password_file is not None:
        raise ConfigError(f"{where}: expected password or password_file, not both")
    only_streams = (entry.username, entry.password, entry.password_file, entry.transport)
    turned_or_live = entry.rotate or entry.live
    if not is_url(entry.url) and (turned_or_live or any(one is not None for one in only_streams)):
        raise ConfigError(
            f"{where}: credentials, transport, rotate and live are for addresses such as rtsp://"
        )
    username, password = entry.username, entry.password
    if entry.password_file is not None:
        file = path.parent / entry.password_file
        password = _read_text(file, f"{where}: cannot read the password file {file}").rstrip("\r\n")
    elif password is not None:
        password = expand_variables(password, where)
    if username is not None:
        username = expand_variables(username, where)
    return replace(entry, username=username, password=password, password_file=None)


def _read_text(path: Path, failure: str) -> str:
    """Return the text of a small file; a failure is reported with its reason."""
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise ConfigError(f"{failure}: it has more than {_MOST_BYTES} bytes")
        return data.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        # A name with a NUL is a ValueError, too.
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ConfigError(f"{failure}: {reason}") from None
