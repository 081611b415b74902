"""One model of the manifest: what it is, where it comes from, and how it can be told apart."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from reid_tracker.config import Thresholds
from reid_tracker.config.checked import Checked, number, shown
from reid_tracker.errors import ConfigError
from reid_tracker.zoo.address import check_url

TASKS = ("detector", "encoder")
DOWNLOADED_SUFFIXES = (".pt", ".pth", ".onnx")
"""What a downloaded file may be: the kinds that `content.check_content` can tell from garbage."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Preprocessing(Checked):
    """How a picture becomes the network's input; for readers, since the rooms do it themselves.

    Attributes:
        resize: "stretch" to the input size, or "letterbox": keep the aspect and pad.
        height: of the input in pixels.
        width: of the input in pixels.
        channels: order of the input's channels.
        mean: subtracted from pixel values in [0, 1], per channel.
        std: divides what is left, per channel.
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
        name: what `--detector`, `--encoder` and `reid-track weights pull` call it.
        task: "detector" or "encoder".
        file: where it lies: below weights/ if it is shipped, else its name in the folder of
            downloads.
        url: where it is downloaded from; None where it is shipped.
        sha256: of the file; required where it is shipped, None where its publisher gives none.
        size_bytes: of the file; None where it is not published.
        source: who made it, from what.
        licence: under which terms it may be used.
        preprocessing: what its input looks like.
        figures: what was measured or published, by a short text.
        rank: place in the order in which "auto" looks for a model, 1 first; None is never taken.
        cpu_form: a form of a model that only a CPU runs, and faster than the model itself: "auto"
            leaves it out where there is a GPU.
        architecture: name of the network, for OSNet checkpoints.
        thresholds: cosine distances that suit an encoder; None where they were not measured.
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
    thresholds: Thresholds | None = None

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
        if self.url is None:
            _expect(self.sha256, "sha256", self.sha256, "a checksum, since the file is shipped")
        else:
            check_url(self.url)
            plain = "/" not in self.file and self.file.lower().endswith(DOWNLOADED_SUFFIXES)
            kinds = ", ".join(DOWNLOADED_SUFFIXES)
            _expect(plain, "file", self.file, f"a file name that ends with one of {kinds}")

    @property
    def shipped(self) -> bool:
        """Whether the file comes with the package."""
        return self.url is None


def _stays_inside(file: str) -> bool:
    """Whether a path cannot leave the folder below which it is looked up, on any system."""
    parts = PurePosixPath(file).parts
    return all(_NAME.fullmatch(part) for part in parts) and bool(parts) and file == "/".join(parts)


def _expect(true: object, key: str, value: object, expected: str) -> None:
    if not true:
        raise ConfigError(f"{key} = {shown(value)}: expected {expected}")
