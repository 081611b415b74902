"""`reid-track site add-host NAME`: adds a camera host to the configuration of a broker."""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from pathlib import Path

from reid_tracker.cli.parser import Parser
from reid_tracker.edge.opening import check_names
from reid_tracker.errors import ConfigError, OutputError
from reid_tracker.transport.access import (
    Host,
    mosquitto_bridge,
    mosquitto_password,
    mosquitto_user,
    nats_account,
)

_EXAMPLES = """\
examples:
  reid-track site add-host edge1 --site hall                      # print the lines to add
  reid-track site add-host edge1 --site hall --folder /etc/reid   # add them to the files there
  reid-track site add-host edge1 --site hall --broker mqtt --folder /etc/reid

The host may publish its own tracklets and states and read the identities of its site, nothing else.
Move edge1.credentials to the host (reid-track edge --edge edge1 --credentials FILE), and make the
broker reload its files: nats-server --signal reload, or kill -HUP for Mosquitto.
"""


def run(arguments: argparse.Namespace) -> int:
    """Print or add the configuration of a host; returns the exit code.

    Raises:
        ConfigError: a name is not allowed, or the host exists already.
        OutputError: a file cannot be written.
    """
    check_names([arguments.name, arguments.site])
    host, password = Host(arguments.site, arguments.name), secrets.token_urlsafe(24)
    parts = [("nats-hosts.conf", nats_account(host, password))]
    if arguments.broker == "mqtt":
        parts = [
            ("mosquitto-acl.conf", "\n" + mosquitto_user(host)),
            ("passwords", mosquitto_password(host.user, password)),
            (f"{host.user}-bridge.conf", mosquitto_bridge(host, password)),
        ]
    parts.append((f"{host.user}.credentials", f"{host.user}:{password}\n"))
    if arguments.folder is None:
        for name, text in parts:
            sys.stdout.write(f"# --- {name} ---\n{text}\n")
        return 0
    _add(arguments.folder, parts, host)
    names = ", ".join(name for name, _ in parts)
    sys.stderr.write(f"host {arguments.name} was added to {arguments.folder}: {names}\n")
    return 0


def add_arguments(parser: Parser) -> None:
    """Add the actions."""
    parser.description = (
        "Configure the broker of a site, so that each host has access to its own data only."
    )
    parser.epilog = _EXAMPLES
    adding = parser.add_actions()("add-host", "give a camera host a user and its rights")
    adding.add_argument(
        "name", metavar="NAME", help="name of the host, as in reid-track edge --edge"
    )
    adding.add_argument("--site", required=True, metavar="NAME", help="site of the host")
    adding.add_argument(
        "--broker",
        choices=("nats", "mqtt"),
        default="nats",
        help="kind of the broker (default: nats)",
    )
    adding.add_argument(
        "--folder",
        type=Path,
        metavar="DIR",
        help="add the lines to the files in DIR (default: print them)",
    )


def _add(folder: Path, parts: list[tuple[str, str]], host: Host) -> None:
    marks = (f'user: "{host.user}"', f"\nuser {host.user}\n", f"\n{host.user}:")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in (folder / name for name, _ in parts):
            text = "\n" + (path.read_text(encoding="utf-8") if path.exists() else "")
            if any(mark in text for mark in marks):
                raise ConfigError(
                    f"{path} already has a host {host.user}; delete its lines first, or choose "
                    "another name"
                )
        for name, text in parts:
            # A new file is readable by its owner only, which must be Mosquitto's user.
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
            with os.fdopen(os.open(folder / name, flags, 0o600), "a", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        raise OutputError(
            f"cannot write {folder}: {error.strerror}; choose another --folder"
        ) from None
