"""Which addresses a model may come from: https, and plain http on this machine only."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from reid_tracker.config.checked import shown
from reid_tracker.errors import ConfigError


def check_url(url: str) -> None:
    """Refuse an address from which nothing is downloaded.

    Raises:
        ConfigError: it is neither https nor http on this machine, or carries credentials.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ConfigError(f"url = {shown(url)}: expected an https address") from None
    del port  # only read because urlsplit checks it then
    secure = parts.scheme == "https" and host
    local = parts.scheme == "http" and is_loopback(host)
    if not (secure or local) or parts.username is not None:
        raise ConfigError(f"url = {shown(url)}: expected an https address without credentials")


def is_loopback(host: str) -> bool:
    """Whether a host name is this machine's own, without asking the network."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
