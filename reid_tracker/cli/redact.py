"""Keeps credentials, and what would control a terminal, out of what the command line prints."""

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

# Control characters, and marks that change the direction or the end of a line.
_CONTROLS = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)


def one_line(text: str) -> str:
    """Redact a text that others may have chosen, such as a name, and write it on one line."""
    return _CONTROLS.sub(_escaped, redact(text))


def redact(text: str) -> str:
    r"""Replace credentials anywhere in a text by "***", and write an escape character as \x1b.

    These are what stands before the @ of an address (unless it is the user of a PostgreSQL
    address, or the word USER), values of password=, token= and the like, and USER:PASSWORD where
    the file of credentials belongs. Of all control characters only newlines and tabs stay.
    """
    text = _PAIR.sub(r"\1***", text)
    text = _SECRET.sub(r"\1***", _USER.sub(_hidden, text))
    return _CONTROLS.sub(lambda match: match[0] if match[0] in "\n\t" else _escaped(match), text)


def _escaped(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")


def _hidden(match: re.Match[str]) -> str:
    user, before = match["user"], match.string[: match.start()]
    if user is None:
        return "***@"
    if user == "USER" or (before.endswith(("postgres", "postgresql")) and ":" not in user):
        return match[0]
    return f"{match['scheme']}***@"
