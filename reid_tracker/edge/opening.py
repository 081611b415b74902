"""Checks names and settings of a camera host, and opens its broker, sender and spool."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from reid_tracker.config import Config, TransportConfig
from reid_tracker.edge.pictures import SmallPictures
from reid_tracker.edge.reporter import MessageNumbers, Reported
from reid_tracker.encode.fingerprint import model_fingerprint
from reid_tracker.errors import ConfigError, MessageError, TransportUnavailableError
from reid_tracker.match import GroundPlane
from reid_tracker.pipeline import Pipeline
from reid_tracker.resources import user_data
from reid_tracker.transport import Broker, Outgoing, Sender, Spool, open_broker
from reid_tracker.transport.brokers.address import read_credentials
from reid_tracker.transport.brokers.open import parse_address
from reid_tracker.transport.wire.names import escape

_log = logging.getLogger(__name__)

_CLOSE_S = 2.0


@contextmanager
def sending(config: Config, spool: Spool, numbers: MessageNumbers) -> Iterator[Sender]:
    """Connect to the broker and open a sender, which closes within a few seconds.

    Raises:
        ReidTrackerError: the broker refuses. If it is only unavailable, the sender retries later.
    """
    site = config.edge.site

    def will() -> Outgoing:
        lost = numbers.host_status("lost", "its connection to the broker was lost")
        return Outgoing.of(lost, site)

    opened: list[Broker] = []
    try:
        opened.append(open_broker(config.transport, will, host=True))
    except TransportUnavailableError as error:
        _log.warning("%s; tracking starts, and messages are kept and sent later", error)

    def connect() -> Broker:
        return opened.pop() if opened else open_broker(config.transport, will, host=True)

    try:
        with Sender(site, connect, spool, close_s=_CLOSE_S) as sender:
            yield sender
    finally:
        for broker in opened:
            broker.close()


def check_names(names: Sequence[str]) -> None:
    """Refuse names that are not allowed in messages.

    Raises:
        ConfigError: a name is too long, or holds NUL or lone surrogates.
    """
    try:
        for name in names:
            escape(name)
    except MessageError as error:
        raise ConfigError(f"invalid name of a site, edge or camera: {error}") from None


def check_transport(config: TransportConfig) -> None:
    """Refuse a wrong broker address or wrong credentials before anything is opened.

    Raises:
        ConfigError: the address or the credentials are wrong.
    """
    if parse_address(config).scheme == "memory":
        raise ConfigError(
            f"transport.address = {config.address}: other hosts cannot reach it; expected a "
            "broker, e.g. --broker nats://127.0.0.1:4222"
        )
    read_credentials(config)


def reported(config: Config, pipeline: Pipeline, ground: GroundPlane) -> Reported:
    """Return the settings of the messages.

    Raises:
        ConfigError: there is no encoder.
    """
    if pipeline.embedding_size is None:
        raise ConfigError(
            f"encoder.model = {config.encoder.model}: the centre matches people by embeddings; "
            "expected an encoder, see `reid-track weights list`"
        )
    pictures = None
    if config.edge.send_pictures:
        pictures = SmallPictures(blur_heads=config.output.blur_heads)
    return Reported(
        encoder=model_fingerprint(config.encoder),
        dim=pipeline.embedding_size,
        gone_s=config.tracker.max_age_s,
        edge=config.edge,
        match=config.match,
        ground=ground,
        pictures=pictures,
    )


def open_spool(config: Config, edge_name: str, stack: ExitStack) -> Spool:
    """Open the disk buffer of messages; `stack` closes it."""
    transport = config.transport
    spool = Spool(
        transport.spool or user_data(f"spool-{escape(edge_name)[:100]}.sqlite"),
        max_bytes=transport.spool_bytes,
        max_age_s=transport.spool_age_h * 3600,
    )
    stack.callback(spool.close)
    return spool
