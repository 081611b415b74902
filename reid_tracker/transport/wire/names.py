"""Names of sites, edges and cameras, escaped so that they can be parts of subjects and ids."""

from __future__ import annotations

import functools
import re

from reid_tracker.config.checked import shown
from reid_tracker.errors import MessageError
from reid_tracker.transport.wire.record import MAX_NAME_BYTES, check_text

_EMPTY = "="
_UNSAFE = re.compile(rb"[^A-Za-z0-9_-]")
_ESCAPED = re.compile(r"(?:[A-Za-z0-9_-]|=[0-9A-F]{2}){1,200}")


@functools.lru_cache(8192)
def escape(name: str) -> str:
    """Return a name as one part of a subject: letters, digits, - and _ stay, others become =XX.

    Raises:
        MessageError: the name is too long, or holds NUL or lone surrogates.
    """
    if not name:
        return _EMPTY
    check_text(name, MAX_NAME_BYTES, "name")
    return _UNSAFE.sub(lambda found: b"=%02X" % found[0][0], name.encode()).decode("ascii")


@functools.lru_cache(8192)
def unescape(part: str) -> str:
    """Return the name behind one part of a subject.

    Raises:
        MessageError: the part is not an output of `escape`.
    """
    if part == _EMPTY:
        return ""
    if _ESCAPED.fullmatch(part):
        data = re.sub(rb"=(..)", lambda found: bytes([int(found[1], 16)]), part.encode("ascii"))
        name = data.decode("utf-8", "replace")
        # Each name has exactly one escaped form, so that no two subjects mean the same camera.
        if len(data) <= MAX_NAME_BYTES and "\0" not in name and escape(name) == part:
            return name
    raise MessageError(f"part {shown(part)} of a subject is not an escaped name")
