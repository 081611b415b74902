"""What a broker lets a camera host do: the lines that its configuration needs for each host.

A host publishes its own tracklets and states, and reads the identities of its site; nothing else.
docs/operations/threat-model.md explains each right.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from typing import NamedTuple

from reid_tracker.transport.brokers.base import new_secret
from reid_tracker.transport.wire.names import escape
from reid_tracker.transport.wire.subjects import PREFIX

TRACKLETS = "REID_TRACKLETS"
IDENTITIES = "REID_IDENTITIES"
HOSTS_API = "reid.api"
"""Where a camera host finds the part of JetStream's interface that its account is lent; leaf nodes
do not forward requests to $JS.API."""

_MOSQUITTO_ITERATIONS = 101
"""As mosquitto_passwd writes; the generated passwords have 192 bits, so that more adds nothing."""


class Host(NamedTuple):
    """A camera host of a site.

    Attributes:
        site: name of the place.
        name: of the host, as `reid-track edge --edge` has it.
    """

    site: str
    name: str

    @property
    def user(self) -> str:
        """Its user name at the broker: the name as it stands in subjects."""
        return escape(self.name)


def listener_name(site: str, host: str) -> str:
    """Return the name under which the broker remembers how far a host has read identities."""
    digest = hashlib.sha256(f"{escape(site)}/{escape(host)}".encode()).hexdigest()
    return f"reid-edge-{digest[:40]}"


def nats_account(host: Host, password: str) -> str:
    """Return the account of a host for nats-hosts.conf; it holds for clients and for leaf nodes.

    An account of its own keeps the host's subjects, inboxes and answers apart from all others; only
    what is imported here reaches the centre's account. A host cannot create consumers, whose
    `deliver_subject` could publish anywhere.

    Args:
        host: the camera host.
        password: in plain text, its bcrypt hash, or a variable such as $REID_EDGE1_PASSWORD.
    """
    own = f"{PREFIX}.{escape(host.site)}.{host.user}.*"
    consumer = f"{IDENTITIES}.{listener_name(host.site, host.name)}"
    following = f"CONSUMER.MSG.NEXT.{consumer}"
    imports = [
        _imported(f"{own}.tracklet"),
        _imported(f"{own}.status"),
        _imported(f"$JS.API.{following}", f', to: "{HOSTS_API}.{following}"'),
        _imported(f"$JS.ACK.{consumer}.>"),
    ]
    shown = password if password.startswith("$REID_") else json.dumps(password)
    user = json.dumps(host.user)
    return "\n".join(
        [
            f"# Camera host {host.name!r} of site {host.site!r}.",
            f"{json.dumps('HOST-' + host.user)}: {{",
            f"  users: [{{ user: {user}, password: {shown} }}]",
            "  imports: [",
            *imports,
            "  ]",
            "}",
            "",
        ]
    )


def _imported(subject: str, to: str = "") -> str:
    return f'    {{ service: {{ account: REID, subject: "{subject}" }}{to} }}'


def mosquitto_user(host: Host) -> str:
    """Return the lines of mosquitto-acl.conf."""
    own = f"{PREFIX}.{escape(host.site)}".replace(".", "/")
    lines = [
        f"user {host.user}",
        f"topic write {own}/{host.user}/+/tracklet",
        f"topic write {own}/{host.user}/+/status",
        f"topic read {own}/identity",
    ]
    return "\n".join(lines) + "\n"


def mosquitto_bridge(host: Host, password: str) -> str:
    """Return the connection of mosquitto-bridge.conf, whose client id nobody can guess."""
    own = f"{PREFIX}.{escape(host.site)}".replace(".", "/")
    lines = [
        f"connection {host.user}",
        "address centre.example:8883",
        "bridge_cafile /etc/reid/ca.pem",
        f"remote_username {host.user}",
        f"remote_password {password}",
        # Fixed names and a persistent session: otherwise the centre forgets this host at each
        # outage.
        f"remote_clientid {host.user}-{new_secret()}",
        f"local_clientid {host.user}-bridge-local",
        "cleansession false",
        "notifications false",
        "restart_timeout 1 10",
        f"topic {own}/{host.user}/+/tracklet out 1",
        f"topic {own}/{host.user}/+/status out 1",
        f"topic {own}/identity in 1",
    ]
    return "\n".join(lines) + "\n"


def mosquitto_password(user: str, password: str) -> str:
    """Return a line of Mosquitto's password file, as mosquitto_passwd writes it."""
    salt = os.urandom(12)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _MOSQUITTO_ITERATIONS)
    text = [base64.b64encode(part).decode("ascii") for part in (salt, digest)]
    return f"{user}:$7${_MOSQUITTO_ITERATIONS}${text[0]}${text[1]}\n"
