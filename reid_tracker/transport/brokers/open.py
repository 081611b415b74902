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
    """What the scheme of an address stands for.

    Attributes:
        connect: makes the broker; imports its package, and says which one is missing.
        port: of TCP, if the address names none.
        encrypted: the scheme for the same broker with TLS; its own name if it has TLS.
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
        config: settings; "memory" makes a broker of its own each time, to be shared as an object.
        will: the message that an MQTT broker publishes when it loses this client; other brokers
            cannot do that.
        host: this is a camera host, which leaves the streams of a NATS server to the centre.

    Raises:
        TransportUnavailableError: it does not answer; trying later is right.
        TransportError: it refuses the credentials, or its certificate is not trusted.
        ConfigError: address, credentials or certificates cannot be read.
        MissingDependencyError: a package is missing; the message names the extra to install.
    """
    address = parse_address(config)
    if address.scheme in SCHEMES:
        return SCHEMES[address.scheme].connect(config, address, will, host)
    from reid_tracker.transport.brokers.memory import MemoryBroker

    return MemoryBroker(config)


def parse_address(config: TransportConfig) -> Address:
    """Return where the broker of a configuration is.

    Raises:
        ConfigError: the address is not valid, or holds a password, which belongs elsewhere.
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
    if parts is None or rest or not host or parts.scheme not in SCHEMES:
        known = ", ".join(f"{name}://HOST:{scheme.port}" for name, scheme in SCHEMES.items())
        raise ConfigError(
            f"transport.address = {shown(config.address)}: expected memory or one of {known}"
        )
    scheme = SCHEMES[parts.scheme]
    # A named authority asks for TLS, whatever the scheme says.
    name = parts.scheme if config.tls_ca is None else scheme.encrypted
    return Address(name, host, port or scheme.port, tls=name == scheme.encrypted)
