"""Settings of the messages between camera hosts and the centre."""

from __future__ import annotations

from dataclasses import dataclass

from reid_tracker.config.checked import Checked, number, shown
from reid_tracker.errors import ConfigError


@dataclass(frozen=True)
class TransportConfig(Checked):
    """How messages travel between camera hosts and the centre.

    Attributes:
        address: "memory" stays within the process; nats://HOST:4222 or tls://HOST:4222 is NATS
            with JetStream; mqtt://HOST:1883 or mqtts://HOST:8883 is MQTT.
        credentials: file with a line USER:PASSWORD, or a NATS nkey seed; null takes
            REID_TRANSPORT_USER and REID_TRANSPORT_PASSWORD, or REID_TRANSPORT_NKEY, from the
            environment, and connects without credentials where they are not set.
        tls_ca: PEM file of the authority that signed the broker's certificate; null trusts those
            of the system. Setting it demands TLS.
        timeout_s: longest wait for an answer of the broker.
        ack_wait_s: a message that was not acknowledged within this time is delivered again (NATS).
        max_unacked: largest number of delivered messages that wait for an acknowledgement (NATS,
            memory).
        edge_domains: JetStream domains of leaf nodes whose streams the centre collects; empty where
            edges publish to the centre's own server.
        identities_domain: JetStream domain of the centre's server, from which a host's leaf node
            collects identities; null for a host without a leaf node.
        stream_bytes: largest size of a stream on the NATS server's disk.
        stream_age_h: how long a NATS server keeps messages.
        stream_discard: what a full stream does: "old" drops its oldest message, "new" refuses new
            ones, which then wait on the camera host.
        dedup_window_s: how long a NATS server remembers the ids of messages.
        spool: file in which a camera host keeps messages until the broker has them; null takes one
            for this host in the user's data.
        spool_bytes: largest total size of these messages; the oldest are dropped first.
        spool_age_h: messages that waited longer are dropped.
    """

    address: str = "memory"
    credentials: str | None = None
    tls_ca: str | None = None
    timeout_s: float = number(5.0, 0.1, 300.0)
    ack_wait_s: float = number(30.0, 0.5, 3600.0)
    max_unacked: int = number(1000, 1, 100_000)
    edge_domains: tuple[str, ...] = ()
    identities_domain: str | None = None
    stream_bytes: int = number(2**30, 2**17)
    stream_age_h: float = number(24.0, 0.0, 24.0 * 3650, exclusive=True)
    stream_discard: str = "old"
    dedup_window_s: float = number(600.0, 0.1, 86_400.0)
    spool: str | None = None
    spool_bytes: int = number(256 * 2**20, 2**17)
    spool_age_h: float = number(24.0, 0.0, 24.0 * 3650, exclusive=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.stream_discard not in {"old", "new"}:
            raise ConfigError(
                f"stream_discard = {shown(self.stream_discard)}: expected 'old' or 'new'"
            )
