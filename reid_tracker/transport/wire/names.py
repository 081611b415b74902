"""Names of sites, edges and cameras, and how they are escaped to be parts of subjects and ids."""

from __future__ import annotations

import functools
import re

from reid_tracker.config.checked import shown
from reid_tracker.errors import MessageError
from reid_tracker.transport.wire.fields import Text

NAME = Text(most=200)
"""Long enough for the address of a stream, short enough that three of them, escaped, fit into the
longest subject of a NATS server (4096 bytes)."""

_EMPTY = "="
_UNSAFE = re.compile(rb"[^A-Za-z0-9_-]")
_ESCAPED = re.compile(r"(?:[A-Za-z0-9_-]|=[0-9A-F]{2}){1,200}")


@functools.lru_cache(8192)
def escape(name: str) -> str:
    """Return a name as one part of a subject: letters, digits, - and _ stay, others are =XX.

    Raises:
        MessageError: it is too long, or no text that UTF-8 can hold.
    """
    if not name:
        return _EMPTY
    data = NAME.check(name, "name").encode()
    return _UNSAFE.sub(lambda found: b"=%02X" % found[0][0], data).decode("ascii")


@functools.lru_cache(8192)
def unescape(part: str) -> str:
    """Return the name of a part of a subject.

    Raises:
        MessageError: it is not what `escape` makes.
    """
    if part == _EMPTY:
        return ""
    if _ESCAPED.fullmatch(part):
        data = re.sub(rb"=(..)", lambda found: bytes([int(found[1], 16)]), part.encode("ascii"))
        name = data.decode("utf-8", "replace")
        # Only one form of a name is read, lest two subjects mean the same camera.
        if len(data) <= NAME.most and "\0" not in name and escape(name) == part:
            return name
    raise MessageError(f"part {shown(part)} of a subject is not an escaped name")
