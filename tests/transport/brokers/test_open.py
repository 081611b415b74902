"""Addresses, and the table of brokers."""

from __future__ import annotations

import pytest

from reid_tracker.config import TransportConfig
from reid_tracker.errors import ConfigError
from reid_tracker.transport.brokers.address import Address
from reid_tracker.transport.brokers.base import Broker, Will
from reid_tracker.transport.brokers.memory import MemoryBroker
from reid_tracker.transport.brokers.open import SCHEMES, Scheme, open_broker, parse_address


@pytest.mark.parametrize(
    "address",
    ["", "nats", "http://a", "nats://", "nats://a:x", "nats://a:99999", "nats://a/b", "nats://[a"],
)
def test_malformed_addresses(address: str) -> None:
    with pytest.raises(
        ConfigError, match=r"transport\.address = .*expected memory or one of nats://"
    ):
        open_broker(TransportConfig(address))


@pytest.mark.parametrize("address", ["nats://me:secret@host", "mqtt://secret@host:1"])
def test_a_password_in_an_address(address: str) -> None:
    with pytest.raises(ConfigError, match="REID_TRANSPORT_PASSWORD") as caught:
        open_broker(TransportConfig(address))
    assert "secret" not in str(caught.value)


def test_addresses() -> None:
    assert str(parse_address(TransportConfig())) == "memory"
    assert str(parse_address(TransportConfig("nats://hub"))) == "nats://hub:4222"
    assert str(parse_address(TransportConfig("mqtts://[::1]"))) == "mqtts://[::1]:8883"
    assert str(parse_address(TransportConfig("nats://hub", tls_ca="ca.pem"))) == "tls://hub:4222"


def test_a_new_broker_is_one_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    """The recipe of CONTRIBUTING: a scheme and a function that connects."""
    connected: list[str] = []

    def connect(config: TransportConfig, address: Address, will: Will | None, host: bool) -> Broker:
        connected.append(str(address))
        return MemoryBroker(config)

    monkeypatch.setitem(SCHEMES, "toy", Scheme(connect, 4711, "toys"))
    open_broker(TransportConfig("toy://host")).close()
    assert connected == ["toy://host:4711"]
    with pytest.raises(ConfigError, match="toy://HOST:4711"):
        open_broker(TransportConfig("http://host"))
