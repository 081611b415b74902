"""`reid-track central`: the centre that matches what camera hosts send across their cameras."""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any, get_args

from reid_tracker.central.admission import REASONS
from reid_tracker.central.centre import Central
from reid_tracker.central.recognise import AskingTime
from reid_tracker.central.run import CentralSite, Observe
from reid_tracker.cli.interrupts import StopSignals
from reid_tracker.cli.status import (
    Heartbeat,
    add_status_options,
    log_as_json,
    read_token,
    serve_status,
)
from reid_tracker.config import Config, load_config, parse_override
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

_EXAMPLES = """examples:
  reid-track central --broker nats://127.0.0.1:4222 --site hall --gallery people.sqlite
  reid-track central --broker tls://centre.example:4222 --site north --site south \\
    --gallery postgresql://reid@db.example/people --encoder osnet_x0_5_cuhk03.onnx \\
    --topology site.yaml --status 127.0.0.1:9101 --json-logs

In a topology a camera is called EDGE/CAMERA, as it is in the gallery. A camera host and its centre
must run the same encoder; a centre without its file takes the --fingerprint, what sha256sum shows.
One centre a site; several sites may share one. Stop it with Ctrl-C or SIGTERM.
"""

_KEYS = {
    "broker": "transport.address",
    "gallery": "gallery.address",
    "topology": "match.topology",
    "encoder": "encoder.model",
    "fingerprint": "central.fingerprint",
    "sites": "central.sites",
    "retention_h": "gallery.retention_h",
}
_LIMIT_S = 4.0
"""A database that takes longer for a call is away; a stop waits for no more than that."""

_STUCK_S = 30.0


def central(words: Sequence[str]) -> int:
    """Run the centre until it is stopped; returns the exit code.

    Raises:
        ReidTrackerError: bad arguments; broker or gallery are away at the start, or refuse.
        KeyboardInterrupt: it was stopped; what was held is stored.
    """
    arguments = build_parser().parse_args(words)
    if arguments.json_logs:
        log_as_json(command="central")
    config = _to_config(arguments)
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


def build_parser() -> argparse.ArgumentParser:
    """Return the parser."""
    parser = argparse.ArgumentParser(
        prog="reid-track central",
        description="Match the people that camera hosts see (`reid-track edge`) across all "
        "cameras of a site: tracklets come from a message broker, who is who goes to a gallery.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--broker",
        metavar="URL",
        help="nats://HOST:4222, tls://HOST:4222, mqtt://HOST:1883 or mqtts://HOST:8883; user and "
        "password in REID_TRANSPORT_USER and REID_TRANSPORT_PASSWORD, or transport.credentials",
    )
    parser.add_argument(
        "--site",
        metavar="NAME",
        dest="sites",
        action="append",
        help="name of the place, as its camera hosts have it (repeatable)",
    )
    parser.add_argument(
        "--gallery",
        metavar="PATH|URL",
        help="file, or postgresql://USER@HOST/DATABASE, with the password in ~/.pgpass or "
        "PGPASSWORD",
    )
    parser.add_argument("--topology", metavar="FILE", help="YAML file of overlaps, transit times")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--encoder", metavar="MODEL", help="encoder of the camera hosts")
    which.add_argument(
        "--fingerprint", metavar="HASH", help="SHA-256 of its weights, where they are not here"
    )
    parser.add_argument(
        "--retention-h", type=float, metavar="HOURS", help="sightings older than that are deleted"
    )
    add_status_options(parser)
    general = parser.add_argument_group("general")
    general.add_argument(
        "--config", metavar="FILE", default="central", help="YAML file (default: central)"
    )
    general.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="set any configuration key, e.g. central.window_s=5 (repeatable)",
    )
    general.add_argument("--quiet", action="store_true", default=False, help="print errors only")
    general.add_argument(
        "--debug", action="store_true", default=False, help="log more, show tracebacks"
    )
    return parser


def _to_config(arguments: argparse.Namespace) -> Config:
    given = vars(arguments)
    overrides: dict[str, Any] = {
        key: given[option] for option, key in _KEYS.items() if option in given
    }
    if "sites" in given:
        overrides["central.sites"] = list(given["sites"])
    overrides.update(parse_override(text) for text in given["set"])
    config = load_config(given["config"], overrides)
    sites = config.central.sites
    if not sites or not all(sites) or len(set(sites)) < len(sites):
        raise ConfigError(
            f"central.sites = {list(sites)}: expected names of sites, each once; add e.g. "
            "--site hall, the name that its camera hosts have"
        )
    if config.gallery.address is None:
        raise ConfigError(
            "gallery.address = null: the centre keeps who is who in a gallery; add e.g. --gallery "
            "people.sqlite or --gallery postgresql://USER@HOST/DATABASE"
        )
    if config.transport.address == "memory":
        raise ConfigError(
            "transport.address = memory: no other process can reach it; add e.g. --broker "
            "nats://127.0.0.1:4222"
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
            "encoder.model = none: people are matched by their looks; expected the encoder of the "
            "camera hosts, e.g. --encoder osnet_x0_5_cuhk03.onnx"
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
    asking = AskingTime()
    sites = [
        CentralSite(
            *(site, broker, store),
            model=model,
            new_matcher=new_matcher,
            config=config.central,
            dim=dim,
            observe=observe,
            asking=asking,
        )
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
    broker = all(site.broker_up for site in centre.sites)
    gallery = all(site.gallery_up for site in centre.sites)
    details = {
        "broker": broker,
        "gallery": gallery,
        "last_turn_s": round(age_s, 1),
        "sites": {site.site: {"edges": site.presence.details()} for site in centre.sites},
    }
    return Health(broker and gallery and age_s < _STUCK_S, details)


def _site_readings(site: CentralSite) -> Iterator[Reading]:
    received, counts = site.receiver.counts, site.counts
    for kind in ("tracklet", "status"):
        yield Reading("messages_total", counts[kind], (kind,))
    refused = dict(received.refused_by) | {name: counts[name] for name in REASONS}
    for reason, count in refused.items():
        yield Reading("messages_refused_total", count, (reason,))
    for edge, count in dict(received.missing_of).items():
        yield Reading("edge_gaps_total", count, (edge,))
    matched: Mapping[str, int] = site.matcher.counts if site.matcher else {}
    for edge, up in site.presence.hosts().items():
        yield Reading("edge_up", float(up), (site.site, edge))
    cameras = site.presence.cameras()
    for state in get_args(CameraState):
        yield Reading("cameras", cameras[state], (state,))
    yield Reading("messages_repeated_total", received.duplicates + matched.get("stale", 0))
    yield Reading("messages_late_total", counts["late"])
    yield Reading("identities_unasked_total", matched.get("unasked", 0))
    for kind, name in (("new", "new"), ("merge", "merged"), ("split", "split")):
        yield Reading(f"identities_{name}_total", matched.get(kind, 0))
    yield Reading("identities", site.identities)
    yield Reading("broker_pending", site.pending)
    yield Reading("gallery_waiting", site.waiting)


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
    yield Reading("broker_up", float(all(site.broker_up for site in centre.sites)))
    yield Reading("gallery_up", float(all(site.gallery_up for site in centre.sites)))
