"""Which camera hosts of a site are there, and how their cameras are doing, as far as is heard."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from reid_tracker.transport import CameraMessage, EdgeMessage, Message, TrackletMessage

logger = logging.getLogger(__name__)

HostState = Literal["up", "stopped", "gone"]

_MOST_HOSTS = 10_000
_MOST_CAMERAS = 1_000
_MOST_SHOWN = 100
_FORGOTTEN_S = 7 * 86_400.0
_TWINS_S = 60.0
_DEAF_S = 10.0
"""Whoever was late for longer cannot tell who was silent meanwhile."""


@dataclass
class _Host:
    """What is known of one camera host.

    Attributes:
        boot: its start that counts.
        since_s: time of its first status, UTC seconds since 1970.
        told_s: time of its latest status.
        before: earlier starts; what is still heard of them says nothing.
        cameras: state and reason by camera.
    """

    boot: str
    heard_s: float = 0.0
    since_s: float = math.inf
    told_s: float = -math.inf
    state: HostState = "up"
    reason: str = ""
    before: deque[str] = field(default_factory=lambda: deque(maxlen=8))
    cameras: dict[str, tuple[str, str]] = field(default_factory=dict)


class HostPresence:
    """Takes messages as they come; a host that is silent for too long is gone.

    A host that ends says so, and where it is lost an MQTT broker does. Else its silence tells,
    since states of cameras come regularly. It counts only while this centre listens and the broker
    has nothing that waits: what is late is not silent.

    One thread takes messages; any thread may ask.

    Args:
        site: name of the place.
        gone_s: longest silence of a host that is there.
        clock: seconds on a clock that does not jump.
    """

    def __init__(
        self, site: str, gone_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._site, self._gone_s, self._clock = site, gone_s, clock
        self._hosts: OrderedDict[str, _Host] = OrderedDict()  # the one heard of last is the last
        self._lock = threading.Lock()
        self._listening_s = self._caught_up_s = clock()
        self._twins_at_s = -math.inf

    def heard(self, message: Message) -> None:
        """Note a message of a camera host."""
        if not isinstance(message, TrackletMessage | CameraMessage | EdgeMessage):
            return
        with self._lock:
            host = self._host(message)
            if host is None:
                if isinstance(message, CameraMessage):
                    self._look_for_twins(message)
                return
            if not isinstance(message, TrackletMessage):  # whose times may be those of a recording
                host.since_s = min(host.since_s, message.time_s)
                host.told_s = max(host.told_s, message.time_s)
            if isinstance(message, EdgeMessage) and message.state != "started":
                state: HostState = "stopped" if message.state == "stopped" else "gone"
                self._ended(message.edge, host, state, message.reason)
                return
            if host.state == "stopped":
                return  # handed out again: its end has been told
            if host.state == "gone":
                logger.warning("camera host %s of site %s is back", message.edge, self._site)
            host.state, host.reason = "up", ""
            if isinstance(message, CameraMessage) and (
                message.camera in host.cameras or len(host.cameras) < _MOST_CAMERAS
            ):
                host.cameras[message.camera] = message.state, message.reason

    def caught_up(self) -> None:
        """Note that the broker has nothing more for now, and look for who is silent."""
        now_s = self._clock()
        if now_s - self._caught_up_s > _DEAF_S:
            self._listening_s = now_s
        self._caught_up_s = now_s
        with self._lock:
            for name, host in list(self._hosts.items()):
                silent_s = now_s - host.heard_s
                if silent_s <= self._gone_s:
                    break  # those behind were heard of later
                if silent_s > _FORGOTTEN_S:
                    del self._hosts[name]
                elif host.state == "up" and now_s - self._listening_s > self._gone_s:
                    self._ended(name, host, "gone", f"silent for {silent_s:.0f} s")

    def hosts(self) -> dict[str, bool]:
        """Return which camera hosts are there, by name."""
        with self._lock:
            return {name: host.state == "up" for name, host in self._hosts.items()}

    def cameras(self) -> Counter[str]:
        """Return how many cameras are in each state."""
        with self._lock:
            return Counter(
                state for host in self._hosts.values() for state, _ in host.cameras.values()
            )

    def details(self) -> dict[str, Any]:
        """Return the hosts for a page: at most a hundred, those that are not there first."""
        with self._lock:
            order = sorted(self._hosts.items(), key=lambda one: (one[1].state == "up", one[0]))
            return {name: dict(_shown(host)) for name, host in order[:_MOST_SHOWN]}

    def _look_for_twins(self, message: CameraMessage) -> None:
        """Warn, once an hour, where an earlier start of a host goes on beside the later one."""
        beside_s = message.time_s - self._hosts[message.edge].since_s
        if beside_s > _TWINS_S and self._clock() >= self._twins_at_s:
            self._twins_at_s = self._clock() + 3600
            logger.warning(
                "two camera hosts of site %s are called %s; start each with its own --edge NAME",
                *(self._site, message.edge),
            )

    def _host(self, message: TrackletMessage | CameraMessage | EdgeMessage) -> _Host | None:
        """Return a host that was just heard of; None where it was an earlier start of it."""
        name, boot = message.edge, message.boot
        host = self._hosts.get(name)
        if host is None:
            host = self._hosts[name] = _Host(boot)
            if len(self._hosts) > _MOST_HOSTS:
                self._hosts.popitem(last=False)
        if boot in host.before:
            return None
        if boot != host.boot:
            if not _is_later_start(message, host):
                return None
            host.before.append(host.boot)
            self._hosts[name] = host = _Host(boot, before=host.before)
        host.heard_s = self._clock()
        self._hosts.move_to_end(name)
        return host

    def _ended(self, name: str, host: _Host, state: HostState, reason: str) -> None:
        if state == "gone" and host.state == "up":
            logger.warning("camera host %s of site %s is gone: %s", name, self._site, reason)
        if state == "stopped":
            logger.info("camera host %s of site %s has ended: %s", name, self._site, reason)
        host.state, host.reason = state, reason
        host.cameras = dict.fromkeys(host.cameras, ("gone", f"its host: {reason}"))


def _is_later_start(message: TrackletMessage | CameraMessage | EdgeMessage, host: _Host) -> bool:
    """Whether a message of another start is of a later one, not one handed out again.

    Tracklets tell no order of starts: a centre that is started again gets those that the one before
    it held. States do by their times; only where the host ended since may its clock be behind.
    """
    if isinstance(message, TrackletMessage):
        return False
    if message.time_s >= host.told_s or host.state == "gone":
        return True
    return host.state == "stopped" and isinstance(message, EdgeMessage)


def _shown(host: _Host) -> Iterator[tuple[str, Any]]:
    yield "state", host.state
    if host.reason:
        yield "reason", host.reason
    cameras = {}
    for name, (state, reason) in host.cameras.items():
        cameras[name] = {"state": state, "reason": reason} if reason else {"state": state}
    yield "cameras", cameras
