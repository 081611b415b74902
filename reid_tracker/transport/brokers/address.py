"""Addresses of brokers, and credentials that never show: not in a message, a log or a repr."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from reid_tracker.config.checked import shown
from reid_tracker.config.transport import TransportConfig
from reid_tracker.errors import ConfigError

_SCHEMES = {
    # scheme: kind, TLS, port
    "nats": ("nats", False, 4222),
    "tls": ("nats", True, 4222),
    "mqtt": ("mqtt", False, 1883),
    "mqtts": ("mqtt", True, 8883),
}
_EXPECTED = (
    "expected memory, nats://HOST:4222, tls://HOST:4222, mqtt://HOST:1883 or mqtts://HOST:8883"
)
_LARGEST_FILE = 4096


@dataclass(frozen=True)
class Credentials:
    """Who connects; nothing of it is in the repr.

    Attributes:
        user: name, or None.
        password: goes with it.
        nkey_seed: of NATS; or None.
    """

    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    nkey_seed: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Address:
    """Where a broker is.

    Attributes:
        kind: "memory", "nats" or "mqtt".
        host: name or number.
        port: of TCP.
        tls: the connection is encrypted.
    """

    kind: str
    host: str = ""
    port: int = 0
    tls: bool = False

    def __str__(self) -> str:
        if self.kind == "memory":
            return self.kind
        scheme = next(s for s, (k, tls, _) in _SCHEMES.items() if (k, tls) == (self.kind, self.tls))
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}:{self.port}"


def parse_address(config: TransportConfig) -> Address:
    """Return where the broker of a configuration is.

    Raises:
        ConfigError: the address is none, or holds a password, which belongs elsewhere.
    """
    if config.address == "memory":
        return Address("memory")
    try:
        parts = urlsplit(config.address)
        host, port = parts.hostname, parts.port
    except ValueError:
        parts, host, port = None, None, None
    if parts is not None and "@" in config.address:
        raise ConfigError(
            "transport.address holds credentials; put them into REID_TRANSPORT_USER and "
            "REID_TRANSPORT_PASSWORD, or into a file named by transport.credentials"
        )
    rest = parts is None or parts.path.strip("/") or parts.query or parts.fragment
    if parts is None or rest or not host or parts.scheme not in _SCHEMES:
        raise ConfigError(f"transport.address = {shown(config.address)}: {_EXPECTED}")
    kind, tls, usual_port = _SCHEMES[parts.scheme]
    # Who names an authority wants its signature checked, whatever the scheme says.
    return Address(kind, host, port or usual_port, tls or config.tls_ca is not None)


def read_credentials(
    config: TransportConfig, environment: Mapping[str, str] = os.environ
) -> Credentials:
    """Return who connects, by the file or the environment.

    Raises:
        ConfigError: the file cannot be read, or holds something else.
    """
    if config.credentials is None:
        user = environment.get("REID_TRANSPORT_USER")
        password = environment.get("REID_TRANSPORT_PASSWORD")
        if (user is None) != (password is None):
            raise ConfigError(
                "set both REID_TRANSPORT_USER and REID_TRANSPORT_PASSWORD, or neither"
            )
        return Credentials(user, password, environment.get("REID_TRANSPORT_NKEY"))
    path = Path(config.credentials)
    try:
        with path.open("rb") as file:
            text = file.read(_LARGEST_FILE).decode().strip()
    except OSError as error:
        raise ConfigError(f"transport.credentials {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        text = ""
    # A seed has 58 letters of base 32 and begins with S.
    if len(text) == 58 and text.startswith("SU") and text.isalnum():
        return Credentials(nkey_seed=text)
    user, colon, password = text.partition(":")
    if not (user and colon) or "\n" in text:
        raise ConfigError(
            f"transport.credentials {path}: expected one line USER:PASSWORD, or a NATS nkey seed"
        )
    return Credentials(user, password)


def tls_context(config: TransportConfig) -> ssl.SSLContext:
    """Return how to check the broker's certificate and host name.

    Raises:
        ConfigError: the authority's file cannot be read.
    """
    try:
        return ssl.create_default_context(cafile=config.tls_ca)
    except (OSError, ssl.SSLError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "no PEM file"
        raise ConfigError(
            f"transport.tls_ca {config.tls_ca}: {reason}; expected the certificate of the "
            "authority as PEM"
        ) from None
