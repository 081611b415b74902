"""`reid-track central`: the centre, which matches people across the cameras of all camera hosts."""

from __future__ import annotations

import argparse
import re
from contextlib import ExitStack
from functools import partial

from reid_tracker.central.centre import Central
from reid_tracker.central.monitoring import health, readings
from reid_tracker.central.opening import open_centre
from reid_tracker.cli.interrupts import StopSignals
from reid_tracker.cli.options import (
    add_broker,
    add_gallery_setting,
    add_general,
    add_setting,
    to_config,
)
from reid_tracker.cli.parser import Parser
from reid_tracker.cli.status import (
    Heartbeat,
    add_status_options,
    log_as_json,
    read_token,
    serve_status,
)
from reid_tracker.config import Config
from reid_tracker.encode.fingerprint import model_fingerprint
from reid_tracker.encode.thresholds import space_thresholds
from reid_tracker.errors import ConfigError
from reid_tracker.match.gallery.open import open_gallery
from reid_tracker.match.gallery.store import check_gallery
from reid_tracker.match.places.topology import load_topology
from reid_tracker.monitor import notify_systemd
from reid_tracker.pipeline import MOTION_ONLY, suited_to_models
from reid_tracker.transport import open_broker
from reid_tracker.zoo.spaces import known_spaces, space_of

_EXAMPLES = """\
examples:
  reid-track central --broker nats://127.0.0.1:4222 --site hall --gallery people.sqlite
  reid-track central --broker tls://centre.example:4222 --site north --site south \\
    --gallery postgresql://reid@db.example/people --encoder osnet_x0_5_market_cuhk03.onnx \\
    --topology site.yaml --status 127.0.0.1:9101 --json-logs

In topologies and in the gallery, cameras are named EDGE/CAMERA. Camera hosts and their centre must
use the same encoder, in any format (.onnx, .pth). A centre without the encoder's file needs
--fingerprint osnet_x0_5_market_cuhk03, or for an encoder that is not shipped the SHA-256 of its
checkpoint. A site has one centre; a centre may serve several sites. Stop it with Ctrl-C or SIGTERM.
"""

_LIMIT_S = 4.0
"""A database call that takes longer counts as failed, so that stopping takes no longer."""


def run(arguments: argparse.Namespace) -> int:
    """Run the centre until it is stopped."""
    if arguments.json_logs:
        log_as_json(command="central")
    config = _checked_config(arguments)
    token = read_token(arguments.status_token_file)
    topology = None if config.match.topology is None else load_topology(config.match.topology)
    model, config = encoder_of(config)
    with ExitStack() as stack:
        signals = stack.enter_context(StopSignals())
        store = stack.enter_context(open_gallery(str(config.gallery.address), limit_s=_LIMIT_S))
        dim = check_gallery(store, model)
        broker = open_broker(config.transport)
        stack.callback(broker.close)
        heartbeat = Heartbeat({})
        centre = open_centre(
            config,
            broker,
            store,
            encoder=(model, dim),
            topology=topology,
            observe=heartbeat.observe,
        )
        if arguments.status is not None:
            server, heartbeat.metrics = serve_status(
                arguments.status, token, partial(health, centre), partial(readings, centre)
            )
            stack.callback(server.close)
        # These run in reverse order: ignore signals, then store results while the status is served.
        stack.callback(_stopping, centre)
        stack.callback(signals.ignore)
        notify_systemd("READY=1")
        while True:
            with signals.held():
                centre.turn()
                heartbeat()


def add_arguments(parser: Parser) -> None:
    """Add the arguments."""
    parser.description = (
        "Match people across all camera hosts (`reid-track edge`) of a site. Tracklets come from a "
        "message broker, and identities are stored in a gallery."
    )
    parser.epilog = _EXAMPLES
    add_broker(parser)
    add_setting(
        parser,
        "--site",
        key="central.sites",
        action="append",
        metavar="NAME",
        help="name of the site, as given to its camera hosts (repeatable)",
    )
    add_gallery_setting(parser)
    add_setting(parser, "--topology", key="match.topology", metavar="FILE")
    which = parser.add_mutually_exclusive_group()
    add_setting(
        which,
        "--encoder",
        key="encoder.model",
        metavar="MODEL",
        help="encoder of the camera hosts (default: auto)",
    )
    add_setting(which, "--fingerprint", key="central.fingerprint", metavar="HASH")
    add_setting(parser, "--retention-h", key="gallery.retention_h")
    add_status_options(parser)
    add_general(parser, "central")


def _checked_config(arguments: argparse.Namespace) -> Config:
    config = to_config(arguments)
    sites = config.central.sites
    if not sites or not all(sites) or len(set(sites)) < len(sites):
        raise ConfigError(
            f"central.sites = {list(sites)}: expected different names of sites; add the name that "
            "the camera hosts use, e.g. --site hall"
        )
    if config.gallery.address is None:
        raise ConfigError(
            "gallery.address = null: the centre needs a gallery to store identities; add e.g. "
            "--gallery people.sqlite or --gallery postgresql://USER@HOST/DATABASE"
        )
    if config.transport.address == "memory":
        raise ConfigError(
            "transport.address = memory: other processes cannot reach it; add a broker, e.g. "
            "--broker nats://127.0.0.1:4222"
        )
    return config


def encoder_of(config: Config) -> tuple[str, Config]:
    """Return the fingerprint of the encoder, and the configuration with its thresholds.

    Raises:
        ConfigError: the fingerprint is malformed, or there is no encoder.
    """
    fingerprint = config.central.fingerprint
    if fingerprint is not None:
        space = space_of(fingerprint)
        if space not in known_spaces() and not re.fullmatch(r"[0-9a-f]{64}", space):
            raise ConfigError(
                f"central.fingerprint = '{fingerprint[:80]}': expected {', '.join(known_spaces())}"
                ", or for another encoder the SHA-256 of its checkpoint (sha256sum)"
            )
        return space, config.suited_to(space_thresholds(space))
    if config.encoder.model == MOTION_ONLY:
        raise ConfigError(
            "encoder.model = none: the centre matches people by embeddings; expected the encoder "
            "of the camera hosts, e.g. --encoder osnet_x0_5_market_cuhk03.onnx"
        )
    return model_fingerprint(config.encoder), suited_to_models(config)


def _stopping(centre: Central) -> None:
    notify_systemd("STOPPING=1")
    centre.finish()
