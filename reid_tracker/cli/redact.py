"""Keeps credentials out of whatever the command line prints."""

from __future__ import annotations

import re

# Up to the last @ of a word: a password may hold one, too.
_USER = re.compile(r"(?P<scheme>:/+)(?P<user>\S*)@|(?<![\w.])[^\s/'\"@=]*:[^\s/]\S*@")
_KEY = r"pass\w*|pwd|secret|token|api_?key|auth\w*"
_QUOTED = r"'[^']*'|\"[^\"]*\""
_SECRET = re.compile(
    # password=... anywhere, password: ... as in YAML, and --password ...
    rf"(\b\w*?(?:{_KEY}|key)=|\b(?:{_KEY})['\"]?\s*[:=]\s+|--?(?:{_KEY})\s+)"
    rf"(?!value\b|expected\b)({_QUOTED}|[^\s&;#'\"]+)",
    re.IGNORECASE,
)
_PAIR = re.compile(r"(credentials[\s=:']+)(?![A-Za-z]:[\\/])[^\s:/]+:[^\s/]\S*", re.IGNORECASE)


def redact(text: str) -> str:
    """Replace credentials anywhere in a text by "***".

    These are what stands before the @ of an address (unless it is the user of a PostgreSQL
    address, or the word USER), values of password=, token= and the like, and USER:PASSWORD where
    the file of credentials belongs.
    """
    text = _PAIR.sub(r"\1***", text)
    return _SECRET.sub(r"\1***", _USER.sub(_hidden, text))


def _hidden(match: re.Match[str]) -> str:
    user, before = match["user"], match.string[: match.start()]
    if user is None:
        return "***@"
    if user == "USER" or (before.endswith(("postgres", "postgresql")) and ":" not in user):
        return match[0]
    return f"{match['scheme']}***@"
