"""Brings one file over HTTP: resumed where it was cut off, bounded in size, time and attempts."""

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
from reid_tracker.zoo.address import check_url
from reid_tracker.zoo.content import HEAD_BYTES, LARGEST_BYTES, check_head

logger = logging.getLogger(__name__)

ATTEMPTS = 5
TIMEOUT_S = 30.0
BACK_OFF_S = 0.5
"""Pause before the second attempt; it doubles with each further one."""

_BLOCK_BYTES = 2**16
_WORTH_ANOTHER_TRY = {408, 429, 500, 502, 503, 504}


class Progress(Protocol):
    """Told how far a download is."""

    def __call__(self, received_bytes: int, total_bytes: int | None) -> None:
        """Take the bytes that are here and, where the server tells, how many there will be."""


class _CutOff(Exception):  # noqa: N818 - never leaves this file
    """The connection ended early; what came so far is kept."""


class _Unreachable(_CutOff):
    """There was no answer at all."""


@dataclass
class Download:
    """One file on its way.

    Attributes:
        url: where it comes from.
        part: where it is collected; its neighbour PART.json says which version it is a part of.
        file_name: what it will be called; its ending tells the kind that is expected.
        size_bytes: its size, where that is known beforehand.
        progress: told after every block.
    """

    url: str
    part: Path
    file_name: str
    size_bytes: int | None = None
    progress: Progress | None = None

    def run(self) -> None:
        """Collect the whole file in `part`.

        Raises:
            WeightsError: it cannot be brought, or is no model, or has the wrong size.
        """
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._attempt()
            except _Unreachable as error:  # noqa: PERF203 - a round takes seconds
                # Nothing ever came: the machine is offline, and waiting would not help.
                if attempt in (1, ATTEMPTS):
                    raise WeightsError(str(error)) from None
                self._pause(attempt, error)
            except _CutOff as error:
                if attempt == ATTEMPTS:
                    raise WeightsError(
                        f"cut off {ATTEMPTS} times ({error}); what came is kept, run it again to "
                        "continue"
                    ) from None
                self._pause(attempt, error)
        raise AssertionError("the last attempt returns or raises")

    def forget(self) -> None:
        """Remove what was collected."""
        self.part.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    @property
    def _note(self) -> Path:
        return self.part.with_name(f"{self.part.name}.json")

    def _pause(self, attempt: int, error: Exception) -> None:
        logger.info("%s: %s; trying again", self.url, error)
        time.sleep(BACK_OFF_S * 2 ** (attempt - 1))

    def _attempt(self) -> None:
        have, version = self._collected()
        headers = {
            "User-Agent": f"reid-tracker/{reid_tracker.__version__}",
            "Accept-Encoding": "identity",
        }
        if have:
            headers["Range"] = f"bytes={have}-"
            if version:
                headers["If-Range"] = version
        request = urllib.request.Request(self.url, headers=headers)  # noqa: S310 - see address.py
        try:
            response = _opener().open(request, timeout=TIMEOUT_S)
        except urllib.error.HTTPError as error:
            with error:
                return self._refused(error, have)
        except ConfigError as error:  # of a redirection
            raise WeightsError(f"redirected to an address that is not taken: {error}") from None
        except (OSError, http.client.HTTPException) as error:
            raise _Unreachable(_reason(error)) from None
        with response:
            self._receive(response, have)

    def _refused(self, error: urllib.error.HTTPError, have: int) -> None:
        """Deal with an answer that is an error."""
        if error.code == 416 and have:
            # The part is the whole file already, or of another version.
            if _total_of_range(error.headers) != have:
                self.forget()
                raise _CutOff("the server has another version of the file")
            return
        answer = f"the server answers {error.code} {shown(error.reason, str)}"
        raise (_CutOff if error.code in _WORTH_ANOTHER_TRY else WeightsError)(answer)

    def _receive(self, response: Any, have: int) -> None:
        kind = response.headers.get_content_type()
        if kind == "text/html":
            check_head(b"<", self.file_name)
        resumed = response.status == 206 and have > 0
        if resumed and not _continues(response.headers, have):
            self.forget()
            raise _CutOff("the server continued at another place than asked")
        start = have if resumed else 0
        total = self._announced(response.headers, start, resumed=resumed)
        if not resumed:
            self._start_anew(response.headers)
        received = self._copy(response, start, total)
        if total is not None and received < total:
            raise _CutOff(f"the server announced {total} bytes and sent {received}")
        if self.size_bytes is not None and received != self.size_bytes:
            self.forget()
            raise WeightsError(f"expected {self.size_bytes} bytes, the server sent {received}")

    def _announced(self, headers: Message, start: int, *, resumed: bool) -> int | None:
        """Return the size that the server announces; refuse one that cannot be right."""
        length = headers.get("Content-Length", "")
        total = start + int(length) if re.fullmatch(r"[0-9]{1,18}", length) else None
        if resumed:
            total = _total_of_range(headers) or total
        if total is not None and self.size_bytes not in (None, total):
            self.forget()
            raise WeightsError(
                f"expected {self.size_bytes} bytes, the server announces {total}; the file there "
                "is another one"
            )
        if total is not None and total > LARGEST_BYTES:
            raise WeightsError(f"the server announces {total} bytes, more than 1 GiB")
        return total

    def _copy(self, response: Any, start: int, total: int | None) -> int:
        """Append the answer to the part; return the size of the part."""
        limit = self.size_bytes or total or LARGEST_BYTES
        received = start
        head = b"" if start == 0 else None
        with self._open("ab" if start else "wb") as file:
            while block := self._read(response):
                received += len(block)
                if received > limit:
                    self.forget()
                    raise WeightsError(f"the server sends more than {limit} bytes; stopped")
                if head is not None and len(head) < HEAD_BYTES:
                    head += block[:HEAD_BYTES]
                    self._check_start(head)
                self._write(file, block)
                if self.progress is not None:
                    self.progress(received, total)
        return received

    def _check_start(self, head: bytes) -> None:
        """Stop garbage at its first bytes, not after a gigabyte of it."""
        if len(head) < HEAD_BYTES:
            return
        try:
            check_head(head, self.file_name)
        except WeightsError:
            self.forget()
            raise

    def _read(self, response: Any) -> bytes:
        try:
            block: bytes = response.read1(_BLOCK_BYTES)
        except (OSError, http.client.HTTPException) as error:
            raise _CutOff(_reason(error)) from None
        return block

    def _collected(self) -> tuple[int, str]:
        """Return how much of the file is here, and the mark of the version that it is of."""
        with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
            note = json.loads(self._note.read_text(encoding="utf-8"))
            if note["url"] == self.url:
                return self.part.stat().st_size, str(note["version"])
        return 0, ""

    def _start_anew(self, headers: Message) -> None:
        """Note which version is collected, so that parts of two are never joined."""
        mark = headers.get("ETag", "")
        version = headers.get("Last-Modified", "") if mark[:1] != '"' else mark
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
    """Follows redirections to https only; from http on this machine also to the same."""

    def redirect_request(  # noqa: PLR0917 - urllib's signature
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        """Refuse an address that `check_url` refuses, and any step down from https."""
        check_url(newurl)
        if urlsplit(req.full_url).scheme == "https" and urlsplit(newurl).scheme != "https":
            raise ConfigError(f"url = {newurl}: expected https, as before the redirection")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(_CarefulRedirects)


def _continues(headers: Message, have: int) -> bool:
    return headers.get("Content-Range", "").startswith(f"bytes {have}-")


def _total_of_range(headers: Message) -> int | None:
    found = re.fullmatch(r"bytes [^/]*/([0-9]{1,18})", headers.get("Content-Range", ""))
    return int(found.group(1)) if found else None


def _reason(error: Exception) -> str:
    """Say in a few words why there was no answer."""
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, TimeoutError):
        return f"no answer in {TIMEOUT_S:g} s"
    if isinstance(cause, socket.gaierror):
        return "the server's name cannot be looked up (is this machine offline?)"
    text = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    return shown(text, str)
