"""Addresses of network cameras: where credentials come from, and how they stay hidden.

User and password may be part of the address, come from environment variables (`${NAME}` anywhere in
it), or be passed separately. libav always receives them percent-encoded.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from urllib.parse import quote, unquote_to_bytes

from reid_tracker.config.checked import shown
from reid_tracker.errors import ConfigError
from reid_tracker.video.naming import redact

_VARIABLE = re.compile(r"\$\{([A-Za-z_]\w*)\}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class StreamAddress:
    """A network address that is safe to print.

    Attributes:
        label: the address without credentials; `str` gives the same.
        url: the address with credentials. For libav only.
    """

    label: str
    url: str = field(repr=False)

    def __str__(self) -> str:
        return self.label


def stream_address(
    url: str, username: str | None = None, password: str | None = None
) -> StreamAddress:
    """Parse an address as people write it.

    Args:
        url: an address; `${NAME}` is replaced by that environment variable. A password in it
            need not be percent-encoded, unless it holds "@" and one of "/?#", or begins with
            digits up to one of these.
        username: replaces the user in the address; used literally.
        password: replaces the password in the address; used literally.

    Raises:
        ConfigError: a variable is not set, or the address holds control characters.
    """
    label = redact(url)
    if _CONTROL.search(url):
        raise ConfigError("the address of a stream holds a line break or another control character")
    scheme, _, rest = url.partition("://")
    user_part, place = _split_user(rest)
    user, colon, secret = user_part.partition(":")
    user = _encoded(user, label) if username is None else quote(username, safe="")
    secret = _encoded(secret, label) if password is None else quote(password, safe="")
    if colon or password is not None:
        user += f":{secret}"
    place = expand_variables(place, label)
    return StreamAddress(label, f"{scheme}://{user}@{place}" if user else f"{scheme}://{place}")


def expand_variables(text: str, label: str) -> str:
    """Return `text` with `${NAME}` replaced by environment variables.

    Raises:
        ConfigError: a variable is not set; the message quotes `label`.
    """
    return _VARIABLE.sub(lambda match: _variable(match[1], label), text)


def _split_user(rest: str) -> tuple[str, str]:
    """Split the part after "://" into "user:password" (or nothing) and the rest."""
    end = re.search(r"[/?#]", rest)
    host = rest[: end.start()] if end else rest
    before, at, after = host.rpartition("@")
    if at and after:
        return before, rest[len(before) + 1 :]
    # An unescaped "/", "?" or "#" in the password looks like the end of the host; the text
    # before it is then not a host with a port.
    port = host.rpartition(":")[2] if ":" in host and not host.endswith("]") else "0"
    if "@" in rest and (at or not port.isdecimal()):
        before, _, after = rest.rpartition("@")
        return before, after
    return "", rest


def _encoded(text: str, label: str) -> str:
    """Percent-encode a user or password, parts of which may be encoded already."""
    parts = _VARIABLE.split(text)  # text, name of a variable, text, ...
    return "".join(
        quote(_variable(part, label) if index % 2 else unquote_to_bytes(part), safe="")
        for index, part in enumerate(parts)
    )


def _variable(name: str, label: str) -> str:
    value = os.environ.get(name)
    if value is None:
        raise ConfigError(
            f"the environment variable {shown(name, str)} is not set, but {shown(label, str)} "
            "needs it; export it first"
        )
    return value
