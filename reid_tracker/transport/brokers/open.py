"""Opens the broker that a configuration names; a new kind of broker is added to `SCHEMES`."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import urlsplit

from reid_tracker.config.checked import shown
from reid_tracker.config.site import TransportConfig
from reid_tracker.errors import ConfigError
from reid_tracker.transport.brokers.address import Address
from reid_tracker.transport.brokers.base import Broker, Will


class Scheme(NamedTuple):
    """A kind of broker, named by the scheme of its address.

    Attributes:
        connect: creates the broker; imports its client library, or names the missing package.
        port: default TCP port.
        encrypted: the scheme of the same broker with TLS.
    """

    connect: Callable[[TransportConfig, Address, Will | None, bool], Broker]
    port: int
    encrypted: str


def _nats(config: TransportConfig, address: Address, will: Will | None, host: bool) -> Broker:
    from reid_tracker.transport.brokers.nats import NatsBroker

    return NatsBroker(config, address, host=host)


def _mqtt(config: TransportConfig, address: Address, will: Will | None, host: bool) -> Broker:
    from reid_tracker.transport.brokers.mqtt import MqttBroker

    return MqttBroker(config, address, will)


SCHEMES = {
    "nats": Scheme(_nats, 4222, "tls"),
    "tls": Scheme(_nats, 4222, "tls"),
    "mqtt": Scheme(_mqtt, 1883, "mqtts"),
    "mqtts": Scheme(_mqtt, 8883, "mqtts"),
}


def open_broker(config: TransportConfig, will: Will | None = None, *, host: bool = False) -> Broker:
    """Connect to a broker.

    Args:
        config: settings; the address "memory" creates a new broker at each call, to be shared as an
            object.
        will: the message that an MQTT broker publishes when it loses this client; other brokers
            have no such function.
        host: this program is a camera host; it leaves the streams of a NATS server to the centre.

    Raises:
        TransportUnavailableError: the broker does not answer; try again later.
        TransportError: the broker refuses the credentials, or its certificate is not trusted.
        ConfigError: address, credentials or certificates cannot be read.
        MissingDependencyError: a package is missing; the message names the extra to install.
    """
    address = parse_address(config)
    if address.scheme in SCHEMES:
        return SCHEMES[address.scheme].connect(config, address, will, host)
    from reid_tracker.transport.brokers.memory import MemoryBroker

    return MemoryBroker(config)


def parse_address(config: TransportConfig) -> Address:
    """Return the address of the configured broker.

    Raises:
        ConfigError: the address is not valid, or holds credentials.
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
            "REID_TRANSPORT_PASSWORD, or into a file that transport.credentials names"
        )
    rest = parts is None or parts.path.strip("/") or parts.query or parts.fragment
    if parts is None or rest or not host or parts.scheme not in SCHEMES:
        known = ", ".join(f"{name}://HOST:{scheme.port}" for name, scheme in SCHEMES.items())
        raise ConfigError(
            f"transport.address = {shown(config.address)}: expected memory or one of {known}"
        )
    scheme = SCHEMES[parts.scheme]
    # transport.tls_ca asks for TLS, whatever the scheme is.
    name = parts.scheme if config.tls_ca is None else scheme.encrypted
    return Address(name, host, port or scheme.port, tls=name == scheme.encrypted)
