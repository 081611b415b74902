"""Finds out from messages which camera hosts of a site are up, and the states of their cameras."""

from __future__ import annotations

import itertools
import logging
import math
import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from reid_tracker.transport import CameraMessage, EdgeMessage, Message, TrackletMessage

logger = logging.getLogger(__name__)

HostState = Literal["up", "stopped", "gone"]

_MAX_HOSTS = 10_000
_MAX_CAMERAS = 1_000
_MAX_SHOWN, _MAX_CAMERAS_SHOWN = 100, 1000
_REASON_SHOWN = 200
_FORGET_AFTER_S = 7 * 86_400.0
_SAME_NAME_S = 60.0
_NOT_LISTENING_S = 10.0
"""If the centre itself was busy for longer than this, no host counts as silent."""


@dataclass
class _Host:
    """State of one camera host.

    Attributes:
        boot: id of its latest start.
        heard_s: monotonic time of its latest message.
        since_s: time of its first status, UTC seconds since 1970.
        status_s: time of its latest status, likewise.
        state: "up", "stopped" or "gone".
        reason: why it is not up.
        before: ids of earlier starts, whose late messages are ignored.
        cameras: state and reason by camera.
    """

    boot: str
    heard_s: float = 0.0
    since_s: float = math.inf
    status_s: float = -math.inf
    state: HostState = "up"
    reason: str = ""
    before: deque[str] = field(default_factory=lambda: deque(maxlen=8))
    cameras: dict[str, tuple[str, str]] = field(default_factory=dict)


class HostPresence:
    """Watches the messages of camera hosts; a host that is silent for too long is gone.

    A host sends a message when it stops, and an MQTT broker reports a host that it has lost. A host
    that sends nothing for `gone_s` is gone, too, since it sends camera states regularly. This holds
    only while the centre receives and no message waits in the broker.

    One thread passes the messages; any thread may read the state.

    Args:
        site: name of the place.
        gone_s: a host that is silent for longer is gone.
        clock: seconds on a clock that does not jump.
    """

    def __init__(
        self, site: str, gone_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._site, self._gone_s, self._clock = site, gone_s, clock
        self._hosts: OrderedDict[str, _Host] = OrderedDict()  # the most recently heard is last
        self._lock = threading.Lock()
        self._listening_s = self._caught_up_s = clock()
        self._warn_at_s = -math.inf

    def heard(self, message: Message) -> None:
        """Record a message of a camera host."""
        if not isinstance(message, TrackletMessage | CameraMessage | EdgeMessage):
            return
        with self._lock:
            host = self._host(message)
            if host is None:
                if isinstance(message, CameraMessage):
                    self._check_same_name(message)
                return
            if not isinstance(message, TrackletMessage):  # a tracklet may come from a recording
                host.since_s = min(host.since_s, message.time_s)
                host.status_s = max(host.status_s, message.time_s)
            if isinstance(message, EdgeMessage) and message.state != "started":
                state: HostState = "stopped" if message.state == "stopped" else "gone"
                self._ended(message.edge, host, state, message.reason)
                return
            if host.state == "stopped":
                return  # a redelivered message from before it stopped
            if host.state == "gone":
                logger.warning("camera host %s of site %s is back", message.edge, self._site)
            host.state, host.reason = "up", ""
            if isinstance(message, CameraMessage) and (
                message.camera in host.cameras or len(host.cameras) < _MAX_CAMERAS
            ):
                host.cameras[message.camera] = message.state, message.reason

    def caught_up(self) -> None:
        """Record that no message waits in the broker, and look for silent hosts."""
        now_s = self._clock()
        if now_s - self._caught_up_s > _NOT_LISTENING_S:
            self._listening_s = now_s
        self._caught_up_s = now_s
        with self._lock:
            for name, host in list(self._hosts.items()):
                silent_s = now_s - host.heard_s
                if silent_s <= self._gone_s:
                    break  # the following hosts were heard later
                if silent_s > _FORGET_AFTER_S:
                    del self._hosts[name]
                elif host.state == "up" and now_s - self._listening_s > self._gone_s:
                    self._ended(name, host, "gone", f"silent for {silent_s:.0f} s")

    def hosts(self) -> dict[str, bool]:
        """Return for each camera host, by name, whether it is up."""
        with self._lock:
            return {name: host.state == "up" for name, host in self._hosts.items()}

    def cameras(self) -> Counter[str]:
        """Return how many cameras are in each state."""
        with self._lock:
            return Counter(
                state for host in self._hosts.values() for state, _ in host.cameras.values()
            )

    def details(self) -> dict[str, Any]:
        """Return at most 100 hosts and 1000 cameras for the status page, those not up first."""
        with self._lock:
            order = sorted(self._hosts.items(), key=lambda one: (one[1].state == "up", one[0]))
            shown: dict[str, Any] = {}
            left = _MAX_CAMERAS_SHOWN
            for name, host in order[:_MAX_SHOWN]:
                shown[name] = _shown(host, left)
                left -= len(shown[name]["cameras"])
            return shown

    def _check_same_name(self, message: CameraMessage) -> None:
        """Warn, once an hour, if two hosts with the same name run at the same time."""
        overlap_s = message.time_s - self._hosts[message.edge].since_s
        if overlap_s > _SAME_NAME_S and self._clock() >= self._warn_at_s:
            self._warn_at_s = self._clock() + 3600
            logger.warning(
                "two camera hosts of site %s are called %s; start each with its own --edge NAME",
                self._site,
                message.edge,
            )

    def _host(self, message: TrackletMessage | CameraMessage | EdgeMessage) -> _Host | None:
        """Return the host of a message; None if an earlier start of it sent the message."""
        name, boot = message.edge, message.boot
        host = self._hosts.get(name)
        if host is None:
            host = self._hosts[name] = _Host(boot)
            if len(self._hosts) > _MAX_HOSTS:
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
            logger.info("camera host %s of site %s has stopped: %s", name, self._site, reason)
        host.state, host.reason = state, reason
        host.cameras = dict.fromkeys(host.cameras, ("gone", f"its host: {reason}"))


def _is_later_start(message: TrackletMessage | CameraMessage | EdgeMessage, host: _Host) -> bool:
    """Return whether a message with a new boot id comes from a later start of the host.

    Tracklets do not show this, since a restarted centre receives old ones again. Status messages
    show it by their times. After a host has ended, its clock may be behind.
    """
    if isinstance(message, TrackletMessage):
        return False
    if message.time_s >= host.status_s or host.state == "gone":
        return True
    return host.state == "stopped" and isinstance(message, EdgeMessage)


def _shown(host: _Host, max_cameras: int) -> dict[str, Any]:
    cameras = itertools.islice(host.cameras.items(), max_cameras)
    return _with_reason(host.state, host.reason) | {
        "cameras": {name: _with_reason(*state) for name, state in cameras}
    }


def _with_reason(state: str, reason: str) -> dict[str, Any]:
    return {"state": state} | ({"reason": reason[:_REASON_SHOWN]} if reason else {})
