"""Opens the broker that a configuration names."""

from __future__ import annotations

from reid_tracker.config.transport import TransportConfig
from reid_tracker.transport.brokers.address import parse_address
from reid_tracker.transport.brokers.base import Broker, Will


def open_broker(config: TransportConfig, will: Will | None = None) -> Broker:
    """Connect to a broker.

    Args:
        config: settings; "memory" makes a broker of its own each time, to be shared as an object.
        will: what an MQTT broker says where it loses this client; others know nothing of the kind.

    Raises:
        TransportUnavailableError: it does not answer; trying later is right.
        TransportError: it refuses the credentials, or its certificate is not trusted.
        ConfigError: address, credentials or certificates cannot be read.
        MissingDependencyError: a package is missing; the message names the extra to install.
    """
    kind = parse_address(config).kind
    if kind == "nats":
        from reid_tracker.transport.brokers.nats import NatsBroker

        return NatsBroker(config)
    if kind == "mqtt":
        from reid_tracker.transport.brokers.mqtt import MqttBroker

        return MqttBroker(config, will)
    from reid_tracker.transport.brokers.memory import MemoryBroker

    return MemoryBroker(config)
