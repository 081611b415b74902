"""MQTT 3.1.1 with QoS 1 and persistent sessions, for Mosquitto and NATS servers.

Limits of MQTT brokers:

- They do not drop copies, so our receiver does. - They redeliver unacknowledged messages only after
a new connection. - They acknowledge messages that their access list then discards. - Mosquitto
acknowledges before it writes to the disk and may lose the latest messages in a crash. We
  publish these again once it is back, and receivers drop the copies.
"""

from __future__ import annotations

import contextlib
import hmac
import queue
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from reid_tracker.config.site import TransportConfig
from reid_tracker.errors import (
    MissingDependencyError,
    TransportError,
    TransportUnavailableError,
)
from reid_tracker.transport.brokers.address import Address, read_credentials, tls_context
from reid_tracker.transport.brokers.base import Outgoing, Will, check_durable, check_outgoing
from reid_tracker.transport.brokers.connection_errors import connection_error, not_welcome

if TYPE_CHECKING:
    from paho.mqtt.client import Client, MQTTMessage

_REDELIVER_AFTER_S = 0.5
_MAX_OUTSTANDING = 4096
_DOUBTFUL_S = 2.0
_MAX_DOUBTFUL = 512
"""A broker that crashes may not have written the messages that it acknowledged last. We keep those
of the last `_DOUBTFUL_S` seconds, at most this many."""

_QUEUE_FULL = 15
_REFUSED = {"Not authorized", "Bad user name or password"}


class MqttBroker:
    """A connection to an MQTT broker; see `Broker` for its guarantees.

    Args:
        config: settings.
        address: where the broker is.
        will: published by the broker if the connection ends without `close`.

    Raises:
        TransportUnavailableError: the broker does not answer.
        TransportError: it refuses the credentials, or its certificate is not trusted.
        ConfigError: address, credentials or certificates cannot be read.
        MissingDependencyError: paho-mqtt is not installed.
    """

    def __init__(self, config: TransportConfig, address: Address, will: Will | None = None) -> None:
        self._config = config
        self._address = address
        self._session = _Session(
            config, address, f"reid-{uuid.uuid4().hex}", persistent=False, will=will
        )
        self._publishing = threading.Lock()
        # Packet number of each unacknowledged message. The library resends these after it has
        # reconnected, so we wait for them and do not publish them twice.
        self._outstanding: dict[str, int] = {}
        # By packet number: the connection that acknowledged it. The library's own objects for
        # acknowledgements report nothing if a message was published while it was disconnected.
        self._acknowledged: dict[int, int] = {}
        self._changed = threading.Condition()
        self._recent = Recent()
        self._to_republish: OrderedDict[str, Outgoing] = OrderedDict()
        self._generation = self._session.generation
        self._session.client.on_publish = self._on_publish
        self._subscriptions: list[MqttSubscription] = []

    @property
    def place(self) -> str:
        """See `Broker`."""
        return self._session.place

    def publish(self, messages: Sequence[Outgoing]) -> None:
        """See `Broker`."""
        check_outgoing(messages)
        deadline = time.monotonic() + self._config.timeout_s
        with self._publishing:
            self._session.refuse_if_away()
            self._republish_recent(self._session.generation)
            self._publish([*self._to_republish.values(), *messages], deadline)
            # The connection may have been lost while we waited for acknowledgements.
            self._republish_recent(self._session.generation)
            while self._to_republish:
                self._publish(list(self._to_republish.values()), deadline)
                self._republish_recent(self._session.generation)

    def _republish_recent(self, generation: int) -> None:
        """After a reconnection, queue what the earlier connection acknowledged last."""
        if generation != self._generation:
            self._generation = generation
            self._to_republish.update(self._recent.take())

    def _publish(self, batch: Sequence[Outgoing], deadline: float) -> None:
        self._drop_late({message.message_id for message in batch})
        for message in batch:
            self._send(message)
        for message in batch:
            self._wait(message, deadline)

    def _send(self, message: Outgoing) -> None:
        if message.message_id in self._outstanding:
            return
        if len(self._outstanding) >= _MAX_OUTSTANDING:
            raise TransportUnavailableError(
                f"{self.place} did not acknowledge {_MAX_OUTSTANDING} messages"
            )
        topic = message.subject.replace(".", "/")
        # Do not hold our lock here: the library calls `_on_publish` while it holds its own. An
        # acknowledgement may come before we know its number; it then waits in `_acknowledged`.
        info = self._session.client.publish(topic, message.data, qos=1)
        if info.rc == _QUEUE_FULL:
            raise TransportUnavailableError(f"{self.place} accepts no more messages at the moment")
        self._outstanding[message.message_id] = info.mid

    def _drop_late(self, wanted: set[str]) -> None:
        """Forget messages that were acknowledged after a timeout and are not published again."""
        with self._changed:
            for name, number in list(self._outstanding.items()):
                if number in self._acknowledged and name not in wanted:
                    del self._acknowledged[number]
                    del self._outstanding[name]

    def _wait(self, message: Outgoing, deadline: float) -> None:
        number = self._outstanding.get(message.message_id)
        if number is None:
            return  # the same message twice in one call
        with self._changed:
            left_s = max(deadline - time.monotonic(), 0.0)
            if self._changed.wait_for(lambda: number in self._acknowledged, left_s):
                self._republish_recent(self._acknowledged.pop(number))
                del self._outstanding[message.message_id]
                self._to_republish.pop(message.message_id, None)
                self._recent.add(message)
                return
        self._session.refuse_if_away()
        raise TransportUnavailableError(f"{self.place} did not acknowledge a message in time")

    def _on_publish(
        self, _client: Client, _data: Any, number: int, _reason: Any, _more: Any
    ) -> None:
        with self._changed:
            self._acknowledged[number] = self._session.generation
            self._changed.notify_all()

    def subscribe(self, pattern: str, durable: str) -> MqttSubscription:
        """See `Broker`; two receivers of one name would disconnect each other again and again."""
        check_durable(durable)
        subscription = MqttSubscription(self._config, self._address, pattern, durable)
        self._subscriptions.append(subscription)
        return subscription

    def prepare(self, pattern: str, durable: str) -> None:
        """See `Broker`."""

    def close(self) -> None:
        """See `Broker`."""
        for subscription in self._subscriptions:
            subscription.close()
        self._session.close()


class Recent:
    """The messages that a broker acknowledged last, and may have lost if it crashed."""

    def __init__(self) -> None:
        self._messages: OrderedDict[str, tuple[float, Outgoing]] = OrderedDict()

    def add(self, message: Outgoing) -> None:
        """Add a message that the broker has acknowledged."""
        now_s = time.monotonic()
        self._messages[message.message_id] = now_s, message
        self._messages.move_to_end(message.message_id)
        while len(self._messages) > _MAX_DOUBTFUL or (
            next(iter(self._messages.values()))[0] < now_s - _DOUBTFUL_S
        ):
            self._messages.popitem(last=False)

    def take(self) -> dict[str, Outgoing]:
        """Return the messages by their ids, in order, and forget them."""
        taken = {name: message for name, (_, message) in self._messages.items()}
        self._messages.clear()
        return taken


class MqttSubscription:
    """One receiver; the broker stores its session."""

    def __init__(
        self, config: TransportConfig, address: Address, pattern: str, durable: str
    ) -> None:
        self._arrived: queue.SimpleQueue[MqttDelivery] = queue.SimpleQueue()
        self._to_redeliver: list[tuple[float, MqttDelivery]] = []  # with the time when it is due
        self._unacked: set[MqttDelivery] = set()
        topic = pattern.replace(".", "/").replace("*", "+")
        self._session = _Session(
            config,
            address,
            session_id(durable, read_credentials(config).password),
            persistent=True,
            topic=topic,
            on_message=self._on_message,
        )

    def receive(self, timeout_s: float) -> MqttDelivery | None:
        """See `Subscription`."""
        deadline = time.monotonic() + timeout_s
        while True:
            now = time.monotonic()
            if self._to_redeliver and self._to_redeliver[0][0] <= now:
                delivery = self._to_redeliver.pop(0)[1]
            else:
                until = min([deadline, *(due for due, _ in self._to_redeliver[:1])])
                try:
                    delivery = self._arrived.get(timeout=max(until - now, 0.001))
                except queue.Empty:
                    if time.monotonic() < deadline:
                        continue
                    self._session.refuse_if_away()
                    return None
            # The broker redelivers messages of an earlier connection on this one.
            if delivery.generation == self._session.generation:
                self._unacked.add(delivery)
                return delivery

    def caught_up(self) -> bool:
        """See `Subscription`."""
        return self._arrived.empty()

    def pending(self) -> int:
        """See `Subscription`."""
        self._session.refuse_if_away()
        unacked = sum(one.generation == self._session.generation for one in self._unacked)
        return self._arrived.qsize() + len(self._to_redeliver) + unacked

    def close(self) -> None:
        """See `Subscription`."""
        self._session.close()

    def settle(self, delivery: MqttDelivery, *, stored: bool) -> None:
        """Acknowledge a stored message; redeliver any other soon."""
        self._unacked = {one for one in self._unacked if one is not delivery}
        if delivery.generation != self._session.generation:
            return
        if stored:
            self._session.client.ack(delivery.number, 1)
        else:
            delivery.redelivered = True
            self._to_redeliver.append((time.monotonic() + _REDELIVER_AFTER_S, delivery))

    def _on_message(self, message: MQTTMessage, generation: int) -> None:
        self._arrived.put(MqttDelivery(self, message, generation))


class MqttDelivery:
    """See `Delivery`."""

    stored_s = None

    def __init__(
        self, subscription: MqttSubscription, message: MQTTMessage, generation: int
    ) -> None:
        self._subscription = subscription
        self.number, self.generation = message.mid, generation
        self.subject = message.topic.replace("/", ".")
        self.data = bytes(message.payload)
        self.redelivered = bool(message.dup)

    def ack(self) -> None:
        """See `Delivery`."""
        self._subscription.settle(self, stored=True)

    def nak(self) -> None:
        """See `Delivery`."""
        self._subscription.settle(self, stored=False)


class _Session:
    """A client of the paho library with its thread; it reconnects automatically.

    Attributes:
        client: the library's client.
        generation: number of the connection; packet numbers are valid only within one connection.
    """

    def __init__(
        self,
        config: TransportConfig,
        address: Address,
        client_id: str,
        *,
        persistent: bool,
        topic: str | None = None,
        on_message: Any = None,
        will: Will | None = None,
    ) -> None:
        self.place = str(address)
        self.generation = 0
        self._timeout_s = config.timeout_s
        self._topic = topic
        self._will = will
        self._answered = threading.Event()
        self._refusal: str | None = None
        self.client = _client(config, address, client_id, persistent)
        self.client.on_connect = self._on_connect
        self.client.on_disconnect = self._on_disconnect
        self.client.on_subscribe = self._on_subscribe
        self.client.on_message = lambda _client, _data, message: on_message(
            message, self.generation
        )
        self._leave_will()
        self._open(address)

    def _leave_will(self) -> None:
        """Set the last will of the next connection."""
        if self._will is not None:
            message = self._will()
            topic = message.subject.replace(".", "/")
            self.client.will_set(topic, message.data, qos=1)

    def _open(self, address: Address) -> None:
        # paho notices a frozen broker after 1.5 keep-alive intervals.
        alive_s = max(round(2 * self._timeout_s), 2)
        try:
            self.client.connect(address.host, address.port, keepalive=alive_s)
        except Exception as error:
            raise connection_error(error, self.place) from None
        self.client.loop_start()
        answered = self._answered.wait(self._timeout_s)
        if answered and self._refusal is None:
            return
        self.close()
        if not answered:
            raise connection_error(TimeoutError(), self.place)
        raise self._refused()

    def refuse_if_away(self) -> None:
        """Raise an error if the connection is known to be lost or refused."""
        if self._refusal is not None:
            raise self._refused()
        if not self.client.is_connected():
            raise TransportUnavailableError(f"{self.place} is away; reconnecting")

    def close(self) -> None:
        """End the connection and the thread."""
        with contextlib.suppress(Exception):
            self.client.disconnect()
        self.client.loop_stop()

    def _refused(self) -> TransportError:
        if self._refusal in _REFUSED:
            return not_welcome(self.place)
        return TransportError(f"{self.place} refuses: {self._refusal}")

    def _on_connect(self, client: Client, _data: Any, _flags: Any, reason: Any, _more: Any) -> None:
        self._refusal = str(reason) if reason.is_failure else None
        if self._refusal is None and self._topic is not None:
            # On every connection: a broker that lost its disk has lost the session, too.
            client.subscribe(self._topic, qos=1)
        else:
            self._answered.set()

    def _on_subscribe(
        self, _client: Client, _data: Any, _mid: int, reasons: Any, _more: Any
    ) -> None:
        if any(reason.is_failure for reason in reasons):
            self._refusal = f"the subscription to {self._topic}"
        self._answered.set()

    def _on_disconnect(
        self, _client: Client, _data: Any, _flags: Any, _reason: Any, _more: Any
    ) -> None:
        self.generation += 1
        self._leave_will()


def session_id(durable: str, password: str | None) -> str:
    """Return the client id of a persistent session; nobody can guess it without the password.

    If another client connects with the same id, the broker disconnects the first and gives the
    waiting messages to the second. An attacker must therefore not know the id.
    """
    if password is None:
        return f"reid-{durable}"
    digest = hmac.new(password.encode(), durable.encode(), "sha256").hexdigest()
    return f"reid-{durable}-{digest[:32]}"


def _client(config: TransportConfig, address: Address, client_id: str, persistent: bool) -> Client:
    try:
        from paho.mqtt.client import Client, MQTTv311
        from paho.mqtt.enums import CallbackAPIVersion
    except ImportError:
        raise MissingDependencyError(
            "mqtt:// needs the package paho-mqtt: pip install 'reid-tracker[mqtt]'"
        ) from None
    client = Client(
        CallbackAPIVersion.VERSION2,
        client_id=client_id,
        clean_session=not persistent,
        protocol=MQTTv311,
        manual_ack=persistent,
    )
    who = read_credentials(config)
    if who.nkey_seed is not None:
        raise TransportError(
            "MQTT does not support nkeys; give transport.credentials as USER:PASSWORD"
        )
    if who.user is not None:
        client.username_pw_set(who.user, who.password)
    if address.tls:
        client.tls_set_context(tls_context(config))
    client.connect_timeout = config.timeout_s
    client.reconnect_delay_set(1, 5)
    client.max_queued_messages_set(_MAX_OUTSTANDING)
    return client
