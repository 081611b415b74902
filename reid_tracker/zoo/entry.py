"""One model of the manifest: its task, source, checksum and preprocessing."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from reid_tracker.config import Thresholds
from reid_tracker.config.checked import Checked, number, shown
from reid_tracker.errors import ConfigError

TASKS = ("detector", "encoder")
DOWNLOADED_SUFFIXES = (".pt", ".pth", ".onnx")
"""Allowed file types of downloads: those that `content.check_content` can check."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Preprocessing(Checked):
    """Preprocessing of an image for the network; for encoders only as information.

    Attributes:
        resize: "stretch" to the input size, or "letterbox": keep the aspect ratio and pad.
        height: input height in pixels.
        width: input width in pixels.
        channels: order of the input channels.
        mean: subtracted from pixel values in [0, 1], per channel.
        std: divisor after the subtraction, per channel.
    """

    resize: str = "stretch"
    height: int = number(256, 1)
    width: int = number(128, 1)
    channels: str = "RGB"
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Entry(Checked):
    """One model.

    Attributes:
        name: name for `--detector`, `--encoder` and `reid-track weights pull`.
        task: "detector" or "encoder".
        file: path below weights/ if shipped, else file name in the download folder.
        url: download address; None if shipped.
        sha256: checksum of the file; required if shipped, None if unknown.
        size_bytes: size of the file; None if unknown.
        source: who made the model and from which data.
        licence: terms of use.
        preprocessing: form of the input. A detector scales frames to the larger side.
        figures: measured or published results, by a short description.
        rank: position in the search order of "auto", from 1; models without a rank are skipped.
        cpu_form: a faster form that runs only on CPUs; "auto" skips it if there is a GPU.
        architecture: name of the network, for OSNet checkpoints.
        space: name of an encoder's embeddings; forms of one model (.onnx, .pth) share it. None for
            models that have one form only.
        thresholds: measured confidences for a detector, or cosine distances for an encoder; None
            takes the defaults.
        iou: overlap above which a detector drops the weaker of two boxes; None takes the default.
        better: for shipped models, name of a model to download that is more accurate in places that
            neither model was trained on.
    """

    name: str = ""
    task: str = ""
    file: str = ""
    url: str | None = None
    sha256: str | None = None
    size_bytes: int | None = number(None, 1)
    source: str = ""
    licence: str = ""
    preprocessing: Preprocessing = Preprocessing()
    figures: Mapping[str, float | str] = field(default_factory=dict)
    rank: int | None = number(None, 1)
    cpu_form: bool = False
    architecture: str | None = None
    space: str | None = None
    thresholds: Thresholds | None = None
    iou: float | None = number(None, 0.0, 1.0)
    better: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _expect(_NAME.fullmatch(self.name), "name", self.name, "letters, digits, '_', '-' and '.'")
        _expect(self.task in TASKS, "task", self.task, " or ".join(TASKS))
        _expect(_stays_inside(self.file), "file", self.file, "a relative path without '..'")
        _expect(self.source, "source", self.source, "who made the model")
        _expect(self.licence, "licence", self.licence, "the terms of use")
        _expect(
            self.sha256 is None or _SHA256.fullmatch(self.sha256),
            "sha256",
            self.sha256,
            "64 hexadecimal digits in lower case",
        )
        if self.space is not None:
            named = _NAME.fullmatch(self.space) and not _SHA256.fullmatch(self.space)
            expected = "a name of an encoder's embedding space, not a hash"
            _expect(named and self.task == "encoder", "space", self.space, expected)
        if self.url is None:
            _expect(self.sha256, "sha256", self.sha256, "a checksum, since the file is shipped")
        else:
            check_url(self.url)
            plain = "/" not in self.file and self.file.lower().endswith(DOWNLOADED_SUFFIXES)
            kinds = ", ".join(DOWNLOADED_SUFFIXES)
            _expect(plain, "file", self.file, f"a file name that ends with one of {kinds}")

    @property
    def shipped(self) -> bool:
        """Whether the file is part of the package."""
        return self.url is None


def check_url(url: str) -> None:
    """Check that models may be downloaded from an address.

    Raises:
        ConfigError: the address is neither https nor http on this machine, or holds credentials.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ConfigError(f"url = {shown(url)}: expected an https address") from None
    del port  # urlsplit checks the port when it is read
    secure = parts.scheme == "https" and host
    local = parts.scheme == "http" and _is_loopback(host)
    if not (secure or local) or parts.username is not None:
        raise ConfigError(f"url = {shown(url)}: expected an https address without credentials")


def _is_loopback(host: str) -> bool:
    """Return whether a host name means this machine, without a DNS query."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _stays_inside(file: str) -> bool:
    """Return whether a path stays inside its folder on every operating system."""
    parts = PurePosixPath(file).parts
    return all(_NAME.fullmatch(part) for part in parts) and bool(parts) and file == "/".join(parts)


def _expect(true: object, key: str, value: object, expected: str) -> None:
    if not true:
        raise ConfigError(f"{key} = {shown(value)}: expected {expected}")
