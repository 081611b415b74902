"""Downloads one file over HTTP, with resuming and limits on size, time and attempts."""

from __future__ import annotations

import http.client
import json
import logging
import re
import socket
import time
import urllib.error
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import IO, Any, Protocol
from urllib.parse import urlsplit

import reid_tracker
from reid_tracker.config.checked import shown
from reid_tracker.errors import ConfigError, WeightsError
from reid_tracker.zoo.content import HEAD_BYTES, LARGEST_BYTES, check_head
from reid_tracker.zoo.entry import check_url

logger = logging.getLogger(__name__)

ATTEMPTS = 5
TIMEOUT_S = 30.0
BACK_OFF_S = 0.5
"""Pause before the second attempt; it doubles with each further attempt."""

_BLOCK_BYTES = 2**16
_RETRIED_STATUSES = {408, 429, 500, 502, 503, 504}


class DownloadProgress(Protocol):
    """Receives the progress of a download."""

    def __call__(self, received_bytes: int, total_bytes: int | None) -> None:
        """Receive the number of bytes so far and the total, None if the server does not tell it."""


class _CutOff(Exception):  # noqa: N818 - never leaves this file
    """The connection was lost; the received part is kept."""


class _Unreachable(_CutOff):
    """The server did not answer."""


@dataclass
class Download:
    """The download of one file.

    Attributes:
        url: address of the file.
        part: path of the partial file; PART.json next to it stores its version.
        file_name: final name; its suffix determines the expected file type.
        size_bytes: expected size, if known.
        progress: called after every block.
    """

    url: str
    part: Path
    file_name: str
    size_bytes: int | None = None
    progress: DownloadProgress | None = None

    def run(self) -> None:
        """Download the whole file to `part`.

        Raises:
            WeightsError: the download fails, or the file is not a model or has the wrong size.
        """
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._attempt()
            except _Unreachable as error:
                # If even the first attempt gets no answer, the machine is probably offline.
                if attempt in (1, ATTEMPTS):
                    raise WeightsError(str(error)) from None
                self._pause(attempt, error)
            except _CutOff as error:
                if attempt == ATTEMPTS:
                    raise WeightsError(
                        f"cut off {ATTEMPTS} times ({error}); the received part is kept, run it "
                        "again to resume"
                    ) from None
                self._pause(attempt, error)
        raise AssertionError("the last attempt returns or raises")

    def discard(self) -> None:
        """Remove the partial file and its version file."""
        self.part.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    @property
    def _note(self) -> Path:
        return self.part.with_name(f"{self.part.name}.json")

    def _pause(self, attempt: int, error: Exception) -> None:
        logger.info("%s: %s; trying again", self.url, error)
        time.sleep(BACK_OFF_S * 2 ** (attempt - 1))

    def _attempt(self) -> None:
        have, version = self._received()
        headers = {
            "User-Agent": f"reid-tracker/{reid_tracker.__version__}",
            "Accept-Encoding": "identity",
        }
        if have:
            headers["Range"] = f"bytes={have}-"
            if version:
                headers["If-Range"] = version
        request = urllib.request.Request(self.url, headers=headers)  # noqa: S310 - see check_url
        try:
            opener = urllib.request.build_opener(_CarefulRedirects)
            response = opener.open(request, timeout=TIMEOUT_S)
        except urllib.error.HTTPError as error:
            with error:
                return self._handle_error(error, have)
        except ConfigError as error:  # a redirect
            raise WeightsError(f"redirected to a forbidden address: {error}") from None
        except (OSError, http.client.HTTPException) as error:
            raise _Unreachable(_reason(error)) from None
        with response:
            self._receive(response, have)

    def _handle_error(self, error: urllib.error.HTTPError, have: int) -> None:
        """Raise an error, to retry or to stop, unless the part is already complete."""
        if error.code == 416 and have:
            # The part is either the whole file, or a part of another version.
            if _total_of_range(error.headers) != have:
                self.discard()
                raise _CutOff("the server has another version of the file")
            return
        answer = f"the server answers {error.code} {shown(error.reason, str)}"
        raise (_CutOff if error.code in _RETRIED_STATUSES else WeightsError)(answer)

    def _receive(self, response: Any, have: int) -> None:
        if response.headers.get_content_type() == "text/html":
            check_head(b"<", self.file_name)
        resumed = response.status == 206 and have > 0
        where = response.headers.get("Content-Range", "")
        if resumed and not where.startswith(f"bytes {have}-"):
            self.discard()
            raise _CutOff("the server continued at another position than requested")
        start = have if resumed else 0
        total = self._announced(response.headers, start, resumed=resumed)
        if not resumed:
            self._start_over(response.headers)
        received = self._copy(response, start, total)
        if total is not None and received < total:
            raise _CutOff(f"the server announced {total} bytes and sent {received}")
        if self.size_bytes is not None and received != self.size_bytes:
            self.discard()
            raise WeightsError(f"expected {self.size_bytes} bytes, the server sent {received}")

    def _announced(self, headers: Message, start: int, *, resumed: bool) -> int | None:
        """Return the size that the server announces; raise an error if it is wrong."""
        length = headers.get("Content-Length", "")
        total = start + int(length) if re.fullmatch(r"[0-9]{1,18}", length) else None
        if resumed:
            total = _total_of_range(headers) or total
        if total is not None and self.size_bytes not in (None, total):
            self.discard()
            raise WeightsError(
                f"expected {self.size_bytes} bytes, the server announces {total}: it has "
                "another file"
            )
        if total is not None and total > LARGEST_BYTES:
            raise WeightsError(f"the server announces {total} bytes, more than 1 GiB")
        return total

    def _copy(self, response: Any, start: int, total: int | None) -> int:
        """Append the response to the part; return the size of the part."""
        limit = self.size_bytes or total or LARGEST_BYTES
        received = start
        head = b"" if start == 0 else None
        with self._open("ab" if start else "wb") as file:
            while block := self._read(response):
                received += len(block)
                if received > limit:
                    self.discard()
                    raise WeightsError(f"the server sends more than {limit} bytes; stopped")
                if head is not None and len(head) < HEAD_BYTES:
                    head += block[:HEAD_BYTES]
                    self._check_start(head)
                self._write(file, block)
                if self.progress is not None:
                    self.progress(received, total)
        return received

    def _check_start(self, head: bytes) -> None:
        """Check the first bytes, to stop early if the file is not a model."""
        if len(head) < HEAD_BYTES:
            return
        try:
            check_head(head, self.file_name)
        except WeightsError:
            self.discard()
            raise

    def _read(self, response: Any) -> bytes:
        try:
            block: bytes = response.read1(_BLOCK_BYTES)
        except (OSError, http.client.HTTPException) as error:
            raise _CutOff(_reason(error)) from None
        return block

    def _received(self) -> tuple[int, str]:
        """Return the size and the version of the partial file."""
        with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
            note = json.loads(self._note.read_text(encoding="utf-8"))
            if note["url"] == self.url:
                return self.part.stat().st_size, str(note["version"])
        return 0, ""

    def _start_over(self, headers: Message) -> None:
        """Store the version of the part, so that parts of two versions are never joined."""
        etag = headers.get("ETag", "")
        version = etag if etag[:1] == '"' else headers.get("Last-Modified", "")
        self.part.unlink(missing_ok=True)
        with self._open("wb"), suppress(OSError):
            note = {"url": self.url, "version": version}
            self._note.write_text(json.dumps(note), encoding="utf-8")

    def _open(self, mode: str) -> IO[bytes]:
        try:
            return self.part.open(mode)
        except OSError as error:
            raise WeightsError(f"cannot write {self.part}: {error.strerror}") from None

    def _write(self, file: IO[bytes], block: bytes) -> None:
        try:
            file.write(block)
            file.flush()
        except OSError as error:
            raise WeightsError(f"cannot write {self.part}: {error.strerror}") from None


class _CarefulRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects only to https, or from http to http on this machine."""

    def redirect_request(  # noqa: PLR0917 - urllib's signature
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        """Check the new address; never redirect from https to http."""
        check_url(newurl)
        if urlsplit(req.full_url).scheme == "https" and urlsplit(newurl).scheme != "https":
            raise ConfigError(f"url = {newurl}: expected https, as before the redirect")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _total_of_range(headers: Message) -> int | None:
    found = re.fullmatch(r"bytes [^/]*/([0-9]{1,18})", headers.get("Content-Range", ""))
    return int(found.group(1)) if found else None


def _reason(error: Exception) -> str:
    """Return in a few words why there was no response."""
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, TimeoutError):
        return f"no answer in {TIMEOUT_S:g} s"
    if isinstance(cause, socket.gaierror):
        return "cannot resolve the server's name (is this machine offline?)"
    text = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    return shown(text, str)
