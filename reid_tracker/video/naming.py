"""Names of sources that are safe to show and to store: no credentials, no odd characters.

Camera URLs carry passwords in the user part or in the query. Every text for a log line, an error or
a file name must pass through these functions first.
"""

from __future__ import annotations

import re

_URL = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]+://)(.*)$", re.DOTALL)
_SECRET_KEY = re.compile(
    r"user|name|login|account|pass|pwd|pw|pin|token|key|auth|secret|cred|sig|session|sid",
    re.IGNORECASE,
)
# Recorders put "password=..." into the path, and parameters behind ";" or "#".
_SECRET_IN_PATH = re.compile(r"((?:pass\w*?|pwd|token|secret|auth)=)[^&?/]+", re.IGNORECASE)
_NAME_BYTES = 120


def is_url(text: str) -> bool:
    """Return whether `text` begins like a URL, e.g. "rtsp://"."""
    return _URL.match(text) is not None


def printable(name: object) -> str:
    r"""Return a name with control characters, which could steer a terminal, as \x1b."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in str(name))


def redact(url: str) -> str:
    """Return `url` without user, password, or query values that may be secrets, for logs.

    Args:
        url: an address; in other text, only control characters are replaced.

    Returns:
        The address with "***" for the user part and for every query value, except numbers of up to
        three digits under a harmless key, which distinguish the channels of one recorder.
    """
    match = _URL.match(printable(url))
    if match is None:
        return printable(url)
    scheme, rest = match.groups()
    rest = _SECRET_IN_PATH.sub(r"\1***", _redact_user(rest))
    address, question_mark, query = rest.partition("?")
    if not question_mark:
        return scheme + rest
    return f"{scheme}{address}?{'&'.join(map(_redact_parameter, query.split('&')))}"


def url_name(url: str) -> str:
    """Return a file-name stem for a URL, e.g. "10.0.0.5_554_door" for rtsp://u:p@10.0.0.5:554/door."""
    redacted = redact(url).partition("://")[2].replace("***", "")
    return safe_name(redacted)


def safe_name(text: str) -> str:
    """Return any text as a file-name stem: letters, digits, dot, dash and underscore only.

    It has at most 120 bytes of UTF-8, and is "source" if nothing usable is left.
    """
    name = re.sub(r"[^\w.-]+", "_", text).strip("._-")
    return name.encode()[:_NAME_BYTES].decode(errors="ignore") or "source"


def _redact_user(rest: str) -> str:
    """Replace the user part after "://"."""
    host_end = re.search(r"[/?#]", rest)
    host = rest[: host_end.start()] if host_end else rest
    if "@" not in host and ":" not in host:
        return rest
    # A password may hold an unescaped "/", "?" or "#", so that its end is unclear. Everything up to
    # the last "@" is removed, even if this hides a part of the path.
    _, at, after = rest.rpartition("@")
    return f"***@{after}" if at else rest


def _redact_parameter(parameter: str) -> str:
    key, equals, value = parameter.partition("=")
    harmless = value.isdecimal() and len(value) <= 3 and not _SECRET_KEY.search(key)
    if harmless:
        return parameter
    return f"{key}=***" if equals else "***"
