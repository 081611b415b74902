"""Access rights of camera hosts: writes the lines that a broker's configuration needs per host.

A host may publish its own tracklets and states, and read the identities of its site; nothing else.
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
"""Subject prefix of the few JetStream requests that a camera host may make; leaf nodes do not
forward requests to $JS.API."""

_MOSQUITTO_ITERATIONS = 101
"""As in mosquitto_passwd. Our passwords have 192 random bits, so more iterations would not help."""


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
        """User name at the broker: the host's name, escaped as in subjects."""
        return escape(self.name)


def listener_name(site: str, host: str) -> str:
    """Return the name under which the broker remembers how far a host has read identities."""
    digest = hashlib.sha256(f"{escape(site)}/{escape(host)}".encode()).hexdigest()
    return f"reid-edge-{digest[:40]}"


def nats_account(host: Host, password: str) -> str:
    """Return the account of a host for nats-hosts.conf, for clients and for leaf nodes.

    Each host has its own account, so that no other host sees its subjects, inboxes and answers.
    Only the imports below reach the centre's account. A host cannot create consumers: with
    `deliver_subject`, a consumer could publish anywhere.

    Args:
        host: the camera host.
        password: in plain text, its bcrypt hash, or a variable such as $REID_EDGE1_PASSWORD.
    """
    own = f"{PREFIX}.{escape(host.site)}.{host.user}.*"
    consumer = f"{IDENTITIES}.{listener_name(host.site, host.name)}"
    next_message = f"CONSUMER.MSG.NEXT.{consumer}"
    imports = [
        _imported(f"{own}.tracklet"),
        _imported(f"{own}.status"),
        _imported(f"$JS.API.{next_message}", f', to: "{HOSTS_API}.{next_message}"'),
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
        # Without fixed names and a persistent session the centre would forget this host at each
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
