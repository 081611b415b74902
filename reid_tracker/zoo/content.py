"""Checks model files without running code from them: checksum, size, file type, completeness."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path
from typing import NamedTuple

from reid_tracker.errors import WeightsError

LARGEST_BYTES = 2**30
"""Models of the manifest are much smaller; a larger file is an error or an attack."""

HEAD_BYTES = 16
"""Number of bytes that `check_head` needs."""

_ZIP, _PICKLE, _ONNX = b"PK\x03\x04", b"\x80", b"\x08"
_PICKLE_PROTOCOLS = range(2, 6)


class Content(NamedTuple):
    """Checksum and size of a file."""

    sha256: str
    size_bytes: int

    def __str__(self) -> str:
        return f"sha256 {self.sha256}, {self.size_bytes} bytes"


def content_of(path: Path) -> Content:
    """Return the checksum and size of a file or folder.

    The checksum of a folder is that of the lines "checksum  path" of its files, sorted by path.

    Raises:
        WeightsError: the file cannot be read.
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
    """Check the first bytes of a model file.

    Args:
        head: the first `HEAD_BYTES` bytes, or the whole file if it is shorter.
        file_name: name of the file; its suffix determines the expected type.

    Raises:
        WeightsError: the file is a web page or otherwise not a model.
    """
    if head.lstrip()[:1] == b"<":
        raise WeightsError(
            "the server sent a web page instead of the model (Google Drive does this when a file "
            "is downloaded too often); try again later"
        )
    if file_name.lower().endswith(".onnx"):
        valid = head.startswith(_ONNX)
    else:
        pickled = head[:1] == _PICKLE and len(head) > 1 and head[1] in _PICKLE_PROTOCOLS
        valid = head.startswith(_ZIP) or pickled
    if not valid:
        raise WeightsError(f"not a model file: it starts with {head[:8]!r}")


def check_content(path: Path, file_name: str) -> None:
    """Check that a file is a model and, for zip archives, complete.

    Raises:
        WeightsError: the file is not a model, damaged or incomplete.
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
    except Exception as error:  # zipfile raises many types for malicious archives
        raise WeightsError(f"a damaged or incomplete archive ({type(error).__name__})") from None
    if damaged is not None:
        raise WeightsError("a damaged archive: a checksum inside it is wrong")
