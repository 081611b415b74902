"""`reid-track central`: the centre that matches what camera hosts send across their cameras."""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from typing import get_args

from reid_tracker.central import Matching
from reid_tracker.central.admission import REASONS
from reid_tracker.central.centre import Central
from reid_tracker.central.recognise import AskingTime
from reid_tracker.central.recording import Observe
from reid_tracker.central.site import CentralSite
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
from reid_tracker.errors import ConfigError, ModelMismatchError
from reid_tracker.match.build import build_matcher
from reid_tracker.match.decide.matcher import CrossCameraMatcher
from reid_tracker.match.gallery.open import open_gallery
from reid_tracker.match.gallery.store import GalleryStore
from reid_tracker.match.places.topology import Topology, load_topology
from reid_tracker.monitor import Health, Reading, notify_systemd
from reid_tracker.pipeline import MOTION_ONLY, suited_to_encoder
from reid_tracker.transport import Broker, open_broker
from reid_tracker.transport.wire.messages import CameraState

_EXAMPLES = """\
examples:
  reid-track central --broker nats://127.0.0.1:4222 --site hall --gallery people.sqlite
  reid-track central --broker tls://centre.example:4222 --site north --site south \\
    --gallery postgresql://reid@db.example/people --encoder osnet_x0_5_cuhk03.onnx \\
    --topology site.yaml --status 127.0.0.1:9101 --json-logs

In topologies and in the gallery a camera is called EDGE/CAMERA. Camera hosts and their centre must
use the same encoder. A centre without the encoder's file takes --fingerprint, the SHA-256 of that
file. A site has one centre; several sites may share it. Stop it with Ctrl-C or SIGTERM.
"""

_LIMIT_S = 4.0
"""A database call that takes longer counts as failed; a stop waits no longer than this."""

_STUCK_S = 30.0


def run(arguments: argparse.Namespace) -> int:
    """Run the centre until it is stopped; returns the exit code.

    Raises:
        ReidTrackerError: bad arguments; broker or gallery are away at the start, or refuse.
        KeyboardInterrupt: it was stopped; what was held is stored.
    """
    if arguments.json_logs:
        log_as_json(command="central")
    config = _checked_config(arguments)
    token = read_token(arguments.status_token_file)
    topology = None if config.match.topology is None else load_topology(config.match.topology)
    model, config = _model(config)
    with ExitStack() as stack:
        signals = stack.enter_context(StopSignals())
        store = stack.enter_context(open_gallery(str(config.gallery.address), limit_s=_LIMIT_S))
        dim = _check_gallery(store, model)
        broker = open_broker(config.transport)
        stack.callback(broker.close)
        heartbeat = Heartbeat({})
        centre = _open(
            *(config, broker, store),
            encoder=(model, dim),
            topology=topology,
            observe=_observer(heartbeat),
        )
        if arguments.status is not None:
            server, heartbeat.metrics = serve_status(
                *(arguments.status, token, partial(_health, centre), partial(_readings, centre))
            )
            stack.callback(server.close)
        # In reverse: no more signals, then what is held is stored, while the status is served.
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
        "Match the people of all camera hosts (`reid-track edge`) of a site: tracklets come from a "
        "message broker, identities go to a gallery."
    )
    parser.epilog = _EXAMPLES
    add_broker(parser)
    add_setting(
        parser,
        "--site",
        key="central.sites",
        action="append",
        metavar="NAME",
        help="name of the place, as its camera hosts know it (repeatable)",
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
            f"central.sites = {list(sites)}: expected names of sites, each once; add the name "
            "that the camera hosts have, e.g. --site hall"
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


def _model(config: Config) -> tuple[str, Config]:
    """Return the fingerprint of the encoder, and the configuration with its thresholds."""
    fingerprint = config.central.fingerprint
    if fingerprint is not None:
        if not re.fullmatch(r"[0-9a-f]{64}", fingerprint):
            raise ConfigError(
                f"central.fingerprint = '{fingerprint[:80]}': expected a SHA-256, 64 digits of 0-9 "
                "and a-f, such as sha256sum shows for the encoder's file"
            )
        return fingerprint, config
    if config.encoder.model == MOTION_ONLY:
        raise ConfigError(
            "encoder.model = none: people are matched by their embeddings; expected the encoder of "
            "the camera hosts, e.g. --encoder osnet_x0_5_cuhk03.onnx"
        )
    return model_fingerprint(config.encoder), suited_to_encoder(config)


def _check_gallery(store: GalleryStore, model: str) -> int:
    """Refuse a gallery of another encoder; returns the size of its embeddings, 0 if it has none."""
    info = store.info()
    if info.model is None or info.embedding_size is None:
        return 0
    if info.model != model:
        raise ModelMismatchError(
            f"{info.place} holds embeddings of encoder {info.model[:16]}, not of {model[:16]}; "
            "take the same --encoder, or another --gallery for this one"
        )
    return info.embedding_size


def _open(
    config: Config,
    broker: Broker,
    store: GalleryStore,
    *,
    encoder: tuple[str, int],
    topology: Topology | None,
    observe: Observe,
) -> Central:
    model, dim = encoder

    def new_matcher(numbers: Iterator[int]) -> CrossCameraMatcher:
        return build_matcher((), config.match, topology, numbers=numbers)

    retention_h = config.gallery.retention_h
    retention_s = None if retention_h is None else 3600 * retention_h
    if retention_s is not None:
        store.purge(time.time() - retention_s)  # nobody is recognised by it any more
    matching = Matching(model, new_matcher, dim, AskingTime())
    sites = [
        CentralSite(site, broker, store, matching, config=config.central, observe=observe)
        for site in config.central.sites
    ]
    return Central(sites, store, config.central.batch_s, retention_s)


def _observer(heartbeat: Heartbeat) -> Callable[[str, float], None]:
    def observe(name: str, seconds: float) -> None:
        if heartbeat.metrics is not None:
            heartbeat.metrics.observe(name, seconds)

    return observe


def _stopping(centre: Central) -> None:
    notify_systemd("STOPPING=1")
    centre.finish()


def _health(centre: Central) -> Health:
    age_s = time.monotonic() - centre.turned_s
    broker = all(site.intake.broker_up for site in centre.sites)
    gallery = all(site.recording.gallery_up for site in centre.sites)
    details = {
        "broker": broker,
        "gallery": gallery,
        "last_turn_s": round(age_s, 1),
        "sites": {one.name: {"edges": one.intake.presence.details()} for one in centre.sites},
    }
    return Health(broker and gallery and age_s < _STUCK_S, details)


def _site_readings(site: CentralSite) -> Iterator[Reading]:
    intake, matcher = site.intake, site.recording.matcher
    received, counts = intake.receiver.counts, intake.counts
    for kind in ("tracklet", "status"):
        yield Reading("messages_total", counts[kind], (kind,))
    refused = dict(received.refused_by) | {name: counts[name] for name in REASONS}
    for reason, count in refused.items():
        yield Reading("messages_refused_total", count, (reason,))
    for edge, count in dict(received.missing_of).items():
        yield Reading("edge_gaps_total", count, (edge,))
    matched: Mapping[str, int] = matcher.counts if matcher else {}
    for edge, up in intake.presence.hosts().items():
        yield Reading("edge_up", float(up), (site.name, edge))
    cameras = intake.presence.cameras()
    for state in get_args(CameraState):
        yield Reading("cameras", cameras[state], (state,))
    yield Reading("messages_repeated_total", received.duplicates + matched.get("stale", 0))
    yield Reading("messages_late_total", counts["late"])
    yield Reading("identities_unasked_total", matched.get("unasked", 0))
    for kind, name in (("new", "new"), ("merge", "merged"), ("split", "split")):
        yield Reading(f"identities_{name}_total", matched.get(kind, 0))
    yield Reading("identities", site.identities)
    yield Reading("broker_pending", site.pending)
    yield Reading("gallery_waiting", site.recording.waiting)


def _readings(centre: Central) -> Iterator[Reading]:
    """Yield sums over the sites; labels where the catalogue has them."""
    sums: dict[tuple[str, tuple[str, ...]], float] = {}
    for site in centre.sites:
        for reading in _site_readings(site):
            key = reading.name, reading.labels
            sums[key] = sums.get(key, 0) + reading.value
    for (name, labels), value in sums.items():
        yield Reading(name, value, labels)
    if centre.upkeep.sightings is not None:
        yield Reading("gallery_sightings", centre.upkeep.sightings)
    yield Reading("broker_up", float(all(site.intake.broker_up for site in centre.sites)))
    yield Reading("gallery_up", float(all(site.recording.gallery_up for site in centre.sites)))
