"""What is in a model file, as far as it can be told without running anything of it."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path
from typing import NamedTuple

from reid_tracker.errors import WeightsError

LARGEST_BYTES = 2**30
"""No model of the manifest comes near it; a file that is larger is a mistake or an attack."""

HEAD_BYTES = 16
"""As many bytes as `check_head` needs."""

_ZIP, _PICKLE, _ONNX = b"PK\x03\x04", b"\x80", b"\x08"
_PICKLE_PROTOCOLS = range(2, 6)


class Content(NamedTuple):
    """What tells one file from another: the checksum and the size in bytes."""

    sha256: str
    size_bytes: int

    def __str__(self) -> str:
        return f"sha256 {self.sha256}, {self.size_bytes} bytes"


def content_of(path: Path) -> Content:
    """Return checksum and size of a file, or of a folder.

    A folder's checksum is that of the lines "checksum  path" of its files, sorted by path.

    Raises:
        WeightsError: it cannot be read.
    """
    try:
        if not path.is_dir():
            return _content_of_file(path)
        files = sorted(
            (file.relative_to(path).as_posix(), file) for file in path.rglob("*") if file.is_file()
        )
        found = [(name, _content_of_file(file)) for name, file in files]
    except OSError as error:
        raise WeightsError(f"cannot read {path}: {error.strerror}") from None
    lines = "".join(f"{content.sha256}  {name}\n" for name, content in found)
    total = sum(content.size_bytes for _, content in found)
    return Content(hashlib.sha256(lines.encode()).hexdigest(), total)


def _content_of_file(path: Path) -> Content:
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)
            size += len(block)
    return Content(digest.hexdigest(), size)


def check_head(head: bytes, file_name: str) -> None:
    """Refuse what cannot be a model by its first bytes.

    Args:
        head: the first `HEAD_BYTES` of it, or all if it is shorter.
        file_name: whose ending tells the kind that is expected.

    Raises:
        WeightsError: it is a web page or anything else that is no model.
    """
    if head.lstrip()[:1] == b"<":
        raise WeightsError(
            "the server sent a web page instead of the model (Google Drive does so when a file "
            "was fetched too often); try again later"
        )
    if file_name.lower().endswith(".onnx"):
        fits = head.startswith(_ONNX)
    else:
        old = head[:1] == _PICKLE and len(head) > 1 and head[1] in _PICKLE_PROTOCOLS
        fits = head.startswith(_ZIP) or old
    if not fits:
        raise WeightsError(f"what came is no model: it starts with {head[:8]!r}")


def check_content(path: Path, file_name: str) -> None:
    """Refuse a file that is no model, or one that ends too early, as far as its form tells.

    Raises:
        WeightsError: it is garbage or incomplete.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    check_head(head, file_name)
    if not head.startswith(_ZIP):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(item.file_size for item in archive.infolist()) > LARGEST_BYTES:
                raise WeightsError("the archive unpacks to more than 1 GiB")
            damaged = archive.testzip()
    except WeightsError:
        raise
    except Exception as error:  # zipfile raises many kinds for archives made to hurt
        raise WeightsError(f"a damaged or incomplete archive ({type(error).__name__})") from None
    if damaged is not None:
        raise WeightsError("a damaged archive: the checksum of a part is wrong")
