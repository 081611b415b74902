"""Addresses of brokers, and credentials that never appear in a message, a log or a repr."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from reid_tracker.config.site import TransportConfig
from reid_tracker.errors import ConfigError

_LARGEST_FILE = 4096


@dataclass(frozen=True)
class Credentials:
    """User and password, or a NATS key; `repr` shows none of them.

    Attributes:
        user: user name, or None.
        password: password of the user, or None.
        nkey_seed: secret key of a NATS user, or None.
    """

    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    nkey_seed: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Address:
    """Network address of a broker.

    Attributes:
        scheme: "memory", or a key of `reid_tracker.transport.brokers.open.SCHEMES`.
        host: host name or IP address.
        port: TCP port.
        tls: whether the connection is encrypted.
    """

    scheme: str
    host: str = ""
    port: int = 0
    tls: bool = False

    def __str__(self) -> str:
        if self.scheme == "memory":
            return self.scheme
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def read_credentials(
    config: TransportConfig, environment: Mapping[str, str] = os.environ
) -> Credentials:
    """Return the credentials from the file or the environment.

    Raises:
        ConfigError: the file cannot be read or holds no credentials, or the environment holds only
            a user or only a password.
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
            text = file.read(_LARGEST_FILE).decode("utf-8-sig").strip()
    except OSError as error:
        raise ConfigError(f"transport.credentials {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        text = ""
    # The seed of a user's nkey has 58 characters of base 32 and begins with SU.
    if len(text) == 58 and text.startswith("SU") and text.isalnum():
        return Credentials(nkey_seed=text)
    user, colon, password = text.partition(":")
    if not (user and colon) or "\n" in text:
        raise ConfigError(
            f"transport.credentials {path}: expected one line USER:PASSWORD, or a NATS nkey seed"
        )
    return Credentials(user, password)


def tls_context(config: TransportConfig) -> ssl.SSLContext:
    """Return TLS settings that check the broker's certificate and host name.

    Raises:
        ConfigError: the certificate file of the authority cannot be read.
    """
    try:
        return ssl.create_default_context(cafile=config.tls_ca)
    except (OSError, ssl.SSLError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "no PEM file"
        raise ConfigError(
            f"transport.tls_ca {config.tls_ca}: {reason}; expected the certificate of the "
            "certificate authority (CA) as a PEM file"
        ) from None
