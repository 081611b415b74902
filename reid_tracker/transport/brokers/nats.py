"""NATS with JetStream, which stores messages on disk, drops copies and redelivers.

The client library needs asyncio, so an event loop runs in its own thread. No call blocks for longer
than a few times `transport.timeout_s`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from reid_tracker.config.checked import shown
from reid_tracker.config.site import TransportConfig
from reid_tracker.errors import (
    MissingDependencyError,
    TransportError,
    TransportUnavailableError,
)
from reid_tracker.transport.access import HOSTS_API, IDENTITIES, TRACKLETS
from reid_tracker.transport.brokers.address import Address, read_credentials, tls_context
from reid_tracker.transport.brokers.base import Outgoing, check_durable, check_outgoing
from reid_tracker.transport.brokers.connection_errors import not_welcome
from reid_tracker.transport.brokers.event_loop import LoopThread
from reid_tracker.transport.brokers.nats_errors import (
    PlainConnectionError,
    is_gone,
    is_refusal,
    translated,
)
from reid_tracker.transport.brokers.nats_subscription import NatsSubscription
from reid_tracker.transport.wire.codec import MAX_MESSAGE_BYTES
from reid_tracker.transport.wire.subjects import pattern_of

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.js import JetStreamContext
    from nats.js.api import StreamConfig

_RECONNECT_EVERY_S = 0.5
_GRACE_S = 1.0
"""Extra time for the event loop to report the library's own timeout."""


class NatsBroker:
    """A connection to a NATS server with JetStream; see `Broker` for its guarantees.

    The centre creates the two streams if they do not exist, and sets their configured limits. It
    never deletes and recreates them: a server that mirrors them would then stall.

    Args:
        config: settings.
        address: address of the server.
        host: this program is a camera host: it does not manage the streams, and needs no right to.

    Raises:
        TransportUnavailableError: the server does not answer, or JetStream is not available.
        TransportError: the server refuses the credentials, or its certificate is not trusted.
        ConfigError: address, credentials or certificates cannot be read.
        MissingDependencyError: nats-py is not installed.
    """

    def __init__(self, config: TransportConfig, address: Address, *, host: bool = False) -> None:
        self._config = config
        self._address = address
        self._host = host
        self._last_error: Exception | None = None
        self._publishing: set[asyncio.Future[Exception]] = set()
        try:
            self._options = _options(config, address.tls)
        except ImportError:
            raise MissingDependencyError(
                "nats:// needs the package nats-py: pip install 'reid-tracker[nats]'"
            ) from None
        self._loop = LoopThread("nats")
        try:
            self._client: Client = self._run(self._connect(), 2 * config.timeout_s)
            self._stream: JetStreamContext = self._client.jetstream(timeout=config.timeout_s)
            self._check_size()
            if not host:
                self._run(self._make_streams(), 4 * config.timeout_s)
        except BaseException:
            self.close()
            raise

    @property
    def place(self) -> str:
        """See `Broker`."""
        return str(self._address)

    def publish(self, messages: Sequence[Outgoing]) -> None:
        """See `Broker`."""
        check_outgoing(messages)
        self._run(self._publish(messages), self._config.timeout_s)

    def subscribe(self, pattern: str, durable: str) -> NatsSubscription:
        """See `Broker`; a new receiver also gets the messages that are already in the stream."""
        check_durable(durable)

        def bind(*, again: bool) -> Any:
            work = self._bind(pattern, durable, again=again)
            return self._run(work, 6 * self._config.timeout_s)

        return NatsSubscription(
            bind(again=False),
            self._loop,
            most=self._config.max_unacked,
            run=partial(self._run, timeout_s=self._config.timeout_s),
            translate=lambda error: translated(error, self.place, self._last_error),
            check=self._refuse_if_away,
            renew=partial(bind, again=True),
        )

    def prepare(self, pattern: str, durable: str) -> None:
        """See `Broker`."""
        check_durable(durable)
        self._run(self._make_consumer(pattern, durable), self._config.timeout_s)

    def close(self) -> None:
        """See `Broker`."""
        if hasattr(self, "_client"):
            with contextlib.suppress(Exception):
                self._loop.run(self._client.flush(timeout=1), 1.5)  # sends pending acknowledgements
            with contextlib.suppress(Exception):
                self._loop.run(self._client.close(), 1.5)
        self._loop.close()

    def _run(self, work: Any, timeout_s: float) -> Any:
        """Run a coroutine; raise an error of this package if it fails or takes too long."""
        try:
            return self._loop.run(work, timeout_s + _GRACE_S)
        except Exception as error:
            raise translated(error, self.place, self._last_error) from None

    async def _connect(self) -> Client:
        """Connect, or raise the first error; the library itself would retry for ever."""
        failed: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()

        async def on_error(error: Exception) -> None:
            self._last_error = error
            for failed_publish in self._publishing:
                if not failed_publish.done():
                    failed_publish.set_result(error)
            if not failed.done():
                failed.set_result(error)

        async def on_reconnect() -> None:
            self._last_error = None

        client = _client(self._address.tls)
        connecting = asyncio.ensure_future(
            client.connect(
                str(self._address),
                error_cb=on_error,
                reconnected_cb=on_reconnect,
                **self._options,
            )
        )
        waited: set[asyncio.Future[Any]] = {connecting, failed}
        await asyncio.wait(
            waited, timeout=self._config.timeout_s, return_when=asyncio.FIRST_COMPLETED
        )
        if connecting.done() and connecting.exception() is None:
            self._last_error = None
            return client
        connecting.cancel()
        with contextlib.suppress(Exception):
            await asyncio.wait_for(client.close(), 1)
        raise failed.result() if failed.done() else TimeoutError

    def _check_size(self) -> None:
        if self._client.max_payload < MAX_MESSAGE_BYTES + 1024:  # headers count, too
            raise TransportError(
                f"{self.place} accepts messages of at most {self._client.max_payload} bytes; set "
                f"max_payload to {2 * MAX_MESSAGE_BYTES} or more in its configuration"
            )

    async def _make_streams(self) -> None:
        tracklets = [pattern_of("tracklet"), pattern_of("status")]
        await self._make_stream(TRACKLETS, tracklets, self._config.edge_domains)
        centre = self._config.identities_domain
        await self._make_stream(
            IDENTITIES, [pattern_of("identity")], () if centre is None else (centre,)
        )

    async def _make_stream(self, name: str, subjects: list[str], domains: Sequence[str]) -> None:
        from nats.js.errors import NotFoundError

        try:
            there = (await self._stream.stream_info(name)).config
        except NotFoundError:
            await self._stream.add_stream(self._stream_config(name, subjects, domains))
            return
        # Never remove subjects or sources: another host may rely on them.
        known = {source.external.api: source for source in there.sources or [] if source.external}
        wanted = self._stream_config(name, there.subjects or [], domains)
        for source in wanted.sources or []:
            if source.external:
                known.setdefault(source.external.api, source)
        wanted = wanted.evolve(sources=list(known.values()) or None)
        limits = ("max_bytes", "max_age", "discard", "duplicate_window", "max_msg_size")
        same = all(getattr(there, limit) == getattr(wanted, limit) for limit in limits)
        if not same or len(known) != len(there.sources or []):
            await self._stream.update_stream(wanted)

    def _stream_config(
        self, name: str, subjects: list[str], domains: Sequence[str]
    ) -> StreamConfig:
        from nats.js.api import (
            DiscardPolicy,
            ExternalStream,
            RetentionPolicy,
            StorageType,
            StreamConfig,
            StreamSource,
        )

        age_s = self._config.stream_age_h * 3600
        sources = [
            StreamSource(name=name, external=ExternalStream(f"$JS.{domain}.API", deliver=""))
            for domain in domains
        ]
        return StreamConfig(
            name=name,
            # A stream with sources has no subjects: it would store messages twice that also come
            # from its sources.
            subjects=None if sources else subjects or None,
            sources=sources or None,
            retention=RetentionPolicy.LIMITS,
            storage=StorageType.FILE,
            max_bytes=self._config.stream_bytes,
            max_age=age_s,
            max_msg_size=2
            * MAX_MESSAGE_BYTES,  # leaves room for headers; the receiver checks exactly
            discard=DiscardPolicy(self._config.stream_discard),
            duplicate_window=min(self._config.dedup_window_s, age_s),
        )

    async def _publish(self, messages: Sequence[Outgoing]) -> None:
        self._refuse_if_away()
        # Send all, then wait for all acknowledgements: this costs one round trip to the server.
        sent = [
            await self._stream.publish_async(
                message.subject, message.data, headers={"Nats-Msg-Id": message.message_id}
            )
            for message in messages
        ]
        answers = asyncio.gather(*sent)
        answers.add_done_callback(_retrieve_error)
        # If the server refuses a message, the library calls `on_error` but sets no answer.
        failed: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()
        self._publishing.add(failed)
        waited: set[asyncio.Future[Any]] = {answers, failed}
        try:
            await asyncio.wait(
                waited, timeout=self._config.timeout_s, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            self._publishing.discard(failed)
            answers.cancel()  # frees the library's slots for unacknowledged messages
        error: BaseException | None = TimeoutError()
        if answers.done() and not answers.cancelled():
            error = answers.exception()
        if error is None:
            return
        if failed.done():
            raise failed.result()
        if not self._host and isinstance(error, Exception) and is_gone(error):
            await self._make_streams()
        raise error

    def _refuse_if_away(self) -> None:
        if self._last_error is not None and is_refusal(self._last_error):
            raise not_welcome(self.place)  # the library would retry with the old password
        if self._client.is_closed:
            reason = f": {shown(self._last_error, str)}" if self._last_error else ""
            raise TransportError(f"the connection to {self.place} has ended{reason}")
        # The library would buffer messages and send them later, unknown to the caller.
        if not self._client.is_connected:
            raise TransportUnavailableError(f"{self.place} is away; reconnecting")

    async def _bind(self, pattern: str, durable: str, *, again: bool) -> Any:
        """Subscribe to a consumer; create it unless the centre lends it to this host."""
        self._refuse_if_away()
        stream = _stream_of(pattern)
        if self._host and await self._is_lent(stream, durable):
            lent = self._client.jetstream(prefix=HOSTS_API, timeout=self._config.timeout_s)
            return await lent.pull_subscribe_bind(durable=durable, stream=stream)
        if again and not self._host:
            await self._make_streams()
        await self._make_consumer(pattern, durable)
        return await self._stream.pull_subscribe_bind(durable=durable, stream=stream)

    async def _is_lent(self, stream: str, durable: str) -> bool:
        """Return whether the server lends this host a consumer; see `transport.access`.

        The request is incomplete JSON: if there is a consumer, the server answers with an error,
        and no message is taken from it.
        """
        from nats.errors import NoRespondersError

        try:
            await self._client.request(
                f"{HOSTS_API}.CONSUMER.MSG.NEXT.{stream}.{durable}",
                b"{",
                timeout=self._config.timeout_s,
            )
        except (NoRespondersError, TimeoutError):
            return False
        return True

    async def _make_consumer(self, pattern: str, durable: str) -> None:
        from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

        self._refuse_if_away()
        consumer = ConsumerConfig(
            durable_name=durable,
            filter_subject=pattern,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=self._config.ack_wait_s,
            max_ack_pending=self._config.max_unacked,
            deliver_policy=DeliverPolicy.ALL,
        )
        await self._stream.add_consumer(_stream_of(pattern), consumer)


def _stream_of(pattern: str) -> str:
    return IDENTITIES if pattern.endswith(".identity") else TRACKLETS


def _retrieve_error(done: asyncio.Future[Any]) -> None:
    """Retrieve an unused error; asyncio would print it otherwise."""
    if not done.cancelled():
        done.exception()


def _options(config: TransportConfig, tls: bool) -> dict[str, Any]:
    """Return the options of `nats.aio.client.Client.connect`."""
    import nats  # noqa: F401 - reports a missing package early

    who = read_credentials(config)
    options: dict[str, Any] = {
        "name": "reid-track",
        "connect_timeout": config.timeout_s,
        "reconnect_time_wait": _RECONNECT_EVERY_S,
        "max_reconnect_attempts": -1,
        # The library notices a frozen server after two missed pings.
        "ping_interval": config.timeout_s,
        "max_outstanding_pings": 2,
    }
    if who.nkey_seed is not None:
        options["nkeys_seed_str"] = who.nkey_seed
    elif who.user is not None:
        options |= {"user": who.user, "password": who.password}
    if tls:
        options["tls"] = tls_context(config)
    return options


def _client(tls: bool) -> Client:
    """Return a client; if TLS is configured, it sends nothing over an unencrypted connection.

    The library itself relies on what the server announces, and an attacker between them could
    announce that there is no TLS.
    """
    from nats.aio.client import Client as Plain

    class Encrypted(Plain):
        def _connect_command(self) -> bytes:
            if not self._server_info.get("tls_required"):
                raise PlainConnectionError
            return super()._connect_command()

    return Encrypted() if tls else Plain()
