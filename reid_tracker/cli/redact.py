"""Removes credentials and terminal control characters from printed text."""

from __future__ import annotations

import re

# Up to the last @ of a word, since a password may contain @.
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

# Control characters, and characters that change the text direction or break lines.
_CONTROLS = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)


def one_line(text: str) -> str:
    """Redact untrusted text, such as a name, and return it as one line."""
    return _CONTROLS.sub(_escaped, redact(text))


def redact(text: str) -> str:
    r"""Replace credentials in a text by "***", and control characters by escapes such as \x1b.

    Credentials are: the part of an address before @ (except the user of a PostgreSQL address, and
    the word USER), the values of password=, token= and similar, and USER:PASSWORD where a file of
    credentials is expected. Newlines and tabs are kept.
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
