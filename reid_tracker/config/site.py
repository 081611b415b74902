"""Settings of a site: camera hosts, their centre, and the messages between them."""

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
            environment; if these are not set, no credentials are sent.
        tls_ca: PEM file of the certificate authority (CA) that signed the broker's certificate;
            null trusts the CAs of the system. If it is set, the connection must use TLS.
        timeout_s: maximum wait for an answer of the broker.
        ack_wait_s: a message that is not acknowledged within this time is delivered again (NATS).
        max_unacked: maximum number of delivered but unacknowledged messages (NATS, memory).
        edge_domains: JetStream domains of leaf nodes whose streams the centre collects; empty if
            camera hosts publish to the centre's own server.
        identities_domain: JetStream domain of the centre's server, from which a host's leaf node
            collects identities; null for a host without a leaf node.
        stream_bytes: maximum size of a stream on the NATS server's disk.
        stream_age_h: how long a NATS server keeps messages.
        stream_discard: what happens when a stream is full: "old" drops its oldest messages, "new"
            refuses new ones, which then wait on the camera host.
        dedup_window_s: how long a NATS server remembers the ids of messages.
        spool: file in which a camera host keeps messages until the broker has them; null takes a
            file for this host in the user's data folder.
        spool_bytes: maximum total size of these messages; the oldest are dropped first.
        spool_age_h: messages that have waited longer are dropped.
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


@dataclass(frozen=True)
class EdgeConfig(Checked):
    """What a camera host reports to the centre, and how often.

    Attributes:
        name: name of this host, unique within the site; null takes the machine's name.
        site: name of the place of the cameras, as in `central.sites`; required on camera hosts.
        report_every_s: time between two messages about a visible person.
        observe_every_s: time between the positions in a message.
        status_every_s: time between two messages about the state of a camera; changes are sent at
            once.
        drain_s: maximum wait for the broker when the program ends; unsent messages stay in the
            spool for the next start.
        send_pictures: send a small picture with the first and the last message about a person;
            otherwise pictures never leave this host.
        identities: write the centre's identities into the files of this host (`--output`).
        keep_h: a tracklet is forgotten, and its identity no longer corrected, this long after it
            was last seen or got an identity.
        settle_s: a file is completed this long after its last frame; until then it takes
            identities.
        rotate_h: live cameras start new files after this time; 0 never does.
        delete_after_h: files are deleted this long after they were started; null keeps them.
    """

    name: str | None = None
    site: str = ""
    report_every_s: float = number(2.0, 0.1, 3600.0)
    observe_every_s: float = number(0.2, 0.0, 60.0)
    status_every_s: float = number(10.0, 0.5, 3600.0)
    drain_s: float = number(3.0, 0.0, 3600.0)
    send_pictures: bool = False
    identities: bool = True
    keep_h: float = number(24.0, 0.0, 24.0 * 3650, exclusive=True)
    settle_s: float = number(15.0, 0.0, 3600.0)
    rotate_h: float = number(1.0, 0.0, 24.0 * 3650)
    delete_after_h: float | None = number(None, 0.0, exclusive=True)


@dataclass(frozen=True)
class CentralConfig(Checked):
    """How the centre matches the tracklets of camera hosts.

    Attributes:
        sites: names of the places whose cameras are matched here; each place is matched separately.
        fingerprint: embedding space of the camera hosts, for a centre without the encoder's file:
            osnet_x0_5_market_cuhk03, or for an encoder that is not shipped the SHA-256 of its
            checkpoint; null takes that of `encoder.model`.
        window_s: maximum time that a message waits for earlier messages of other cameras.
        batch_s: time between two batches.
        batch_most: maximum number of messages in a batch.
        ahead_s: if the clock of a camera host is further ahead of the site, its times are
            corrected; otherwise the messages of all other hosts would look late.
        most_cameras: maximum number of cameras of one camera host, so that a host with ever new
            names cannot fill the memory; cameras without messages for an hour do not count.
        edge_gone_s: a camera host that is silent for longer counts as gone, with its cameras; set
            it to about three times `edge.status_every_s`.
        recognise: look up new people in the gallery, which may know them from earlier.
    """

    sites: tuple[str, ...] = ()
    fingerprint: str | None = None
    window_s: float = number(2.0, 0.0, 300.0)
    batch_s: float = number(0.5, 0.01, 60.0)
    batch_most: int = number(2000, 1, 100_000)
    ahead_s: float = number(2.0, 0.0)
    most_cameras: int = number(200, 1, 20_000)
    edge_gone_s: float = number(35.0, 0.5, 86_400.0)
    recognise: bool = True
