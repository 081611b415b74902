"""Keeps credentials of stream addresses out of whatever the command line prints."""

from __future__ import annotations

import re

_USER_PART = re.compile(r"[^\s/'\"@]+:[^\s'\"@]*@")
_SECRET = re.compile(
    r"((?:pass\w*|pwd|token|secret|auth\w*|key)=)(?!value\b)[^\s&;#'\"]+", re.IGNORECASE
)


def redact(text: str) -> str:
    """Replace user:password@ and password=... anywhere in a message by "***"."""
    return _SECRET.sub(r"\1***", _USER_PART.sub("***@", text))
