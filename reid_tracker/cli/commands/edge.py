"""`reid-track edge`: a camera host, which sends tracklets to a broker; pictures stay here."""

from __future__ import annotations

import argparse
import logging
import os
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from reid_tracker.cli.camera_set import CameraSet
from reid_tracker.cli.edge_outputs import LocalOutputs, check_outputs, local_outputs
from reid_tracker.cli.interrupts import StopSignals
from reid_tracker.cli.options import (
    PARQUET_HELP,
    add_broker,
    add_general,
    add_models,
    add_saved,
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
from reid_tracker.config import Config, TransportConfig
from reid_tracker.edge import (
    EdgeRun,
    Hooks,
    MessageNumbers,
    Outbox,
    Reported,
    SmallPictures,
)
from reid_tracker.encode.fingerprint import model_fingerprint
from reid_tracker.errors import (
    ConfigError,
    MessageError,
    TransportUnavailableError,
)
from reid_tracker.match import GroundPlane, load_ground
from reid_tracker.monitor import notify_systemd
from reid_tracker.pipeline import Pipeline, suited_to_encoder
from reid_tracker.run.memory import start_of
from reid_tracker.transport import Broker, Outgoing, Sender, Spool, open_broker
from reid_tracker.transport.brokers.address import parse_address, read_credentials
from reid_tracker.transport.wire.names import escape

_log = logging.getLogger(__name__)

_CLOSE_S = 2.0
_EXAMPLES = """\
examples:
  reid-track edge cameras.yaml --broker nats://127.0.0.1:4222 --site north --edge gate-host
  reid-track edge cameras.yaml --config edge --broker tls://centre.example:4222 \\
      --credentials /etc/reid/edge.credentials --status 127.0.0.1:9100 --json-logs
  reid-track edge door.mp4 --broker mqtt://192.0.2.9 --start-time 2026-11-24T18:30
  reid-track edge cameras.yaml --config edge --output /var/lib/reid --no-save-video \\
      --delete-after-h 72

SIGHUP reads cameras.yaml again; cameras that did not change keep their tracks.
Messages that the broker does not have yet wait in a file (--spool), also over restarts.
"""


def add_arguments(parser: Parser) -> None:
    """Add the arguments."""
    parser.description = (
        "Follow people on the host that the cameras are connected to, and send their tracklets to "
        "a message broker: times, positions and embeddings, no pictures."
    )
    parser.epilog = _EXAMPLES
    parser.add_sources(
        "cameras.yaml, video file, folder or glob of images, camera number, RTSP or HTTP address"
    )
    broker = parser.add_argument_group("broker")
    add_broker(broker)
    add_setting(broker, "--spool", key="transport.spool", metavar="FILE")
    add_setting(broker, "--site", key="edge.site", metavar="NAME")
    add_setting(broker, "--edge", key="edge.name", metavar="NAME")
    add_setting(
        broker,
        "--send-pictures",
        key="edge.send_pictures",
        help="also send small pictures of people, for `reid-track search` at the centre; "
        "--blur-heads blurs heads in them (default: no picture leaves this host)",
    )
    add_setting(broker, "--start-time", key="gallery.start_time", metavar="TIME")
    add_models(parser)
    _add_outputs(parser)
    add_setting(parser, "--ground", key="match.ground", metavar="FILE")
    add_status_options(parser)
    add_general(parser)


def _add_outputs(parser: Parser) -> None:
    outputs = parser.add_argument_group("outputs", "files on this host, besides the messages")
    outputs.add_argument(
        "--output",
        "-o",
        metavar="FOLDER",
        default=None,
        help="write results into new folders in it, named after the time (default: no files)",
    )
    add_saved(outputs)
    add_setting(outputs, "--save-parquet", key="output.parquet", help=PARQUET_HELP)
    add_setting(
        outputs,
        "--identities",
        key="edge.identities",
        help="receive identities from the centre, and write them into the files (default: on)",
    )
    add_setting(
        outputs,
        "--rotate-h",
        key="edge.rotate_h",
        help="start new files of live cameras every HOURS (0: never; default: 1)",
    )
    add_setting(
        outputs,
        "--keep-h",
        key="edge.keep_h",
        help="correct identities for HOURS after a person was last seen (default: 24)",
    )
    add_setting(
        outputs,
        "--delete-after-h",
        key="edge.delete_after_h",
        help="delete files that are older than HOURS (default: never)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Run a camera host; returns the exit code.

    Raises:
        ReidTrackerError: bad arguments, sources, models, or messages that could be kept nowhere.
        KeyboardInterrupt: the user stopped the run; everything was sent or stored.
    """
    check_outputs(arguments)
    config = to_config(arguments)
    numbers = MessageNumbers(config.edge.name or socket.gethostname())
    if arguments.json_logs:
        log_as_json(edge=numbers.edge)
    _check_names([numbers.edge, config.edge.site])
    _check_transport(config.transport)
    token = read_token(arguments.status_token_file)
    ground = load_ground(config.match.ground) if config.match.ground else GroundPlane()
    with ExitStack() as stack:
        signals = stack.enter_context(StopSignals())
        cameras = stack.enter_context(CameraSet(arguments.sources, config, _check_names))
        sources = cameras.sources
        start_s = start_of(config.gallery.start_time, sources)
        config = suited_to_encoder(replace(config, match=replace(config.match, enabled=False)))
        pipeline = Pipeline.from_config(config)
        settings = _reported(config, pipeline, ground)
        spool = _open_spool(config, numbers.edge, stack)
        sender = stack.enter_context(_sending(config, spool, numbers))
        local = stack.enter_context(local_outputs(arguments.output, config, numbers, sources))
        beat = Heartbeat(pipeline.times.seconds)
        outbox = Outbox(sender, spool)
        host = EdgeRun(
            pipeline,
            sources,
            outbox,
            numbers,
            settings,
            start_s=start_s,
            hooks=Hooks(signals.held, beat, cameras.changes),
            outputs=local.outputs,
        )
        if arguments.status is not None:
            pages = partial(local.health, host), partial(local.readings, host)
            server, beat.metrics = serve_status(arguments.status, token, *pages)
            stack.callback(server.close)
        notify_systemd("READY=1")
        with _finishing(host, sender, signals, config, local):
            host.run()
    if not (arguments.quiet or arguments.json_logs):
        _report(host, outbox, sender, numbers.edge)
    return 0


@contextmanager
def _finishing(
    run: EdgeRun, sender: Sender, signals: StopSignals, config: Config, local: LocalOutputs
) -> Iterator[None]:
    """See to it that tracklets end, and that the broker gets them if it is there."""
    reason = "stopped"
    try:
        yield
        reason = "ended"
    finally:
        signals.ignore()
        notify_systemd("STOPPING=1")
        run.finish(reason)
        # What the broker does not take now is stored, and sent at the next start.
        drain_s = config.edge.drain_s
        sender.wait_sent(0 if sender.away else drain_s)
        local.settle(config, drain_s if reason == "stopped" else None)


@contextmanager
def _sending(config: Config, spool: Spool, numbers: MessageNumbers) -> Iterator[Sender]:
    """Connect and open a sender, and close it in a time that whoever stops a program can wait.

    Raises:
        ReidTrackerError: the broker refuses; one that is away is tried again in the background.
    """
    site = config.edge.site

    def will() -> Outgoing:
        lost = numbers.host_status("lost", "its connection to the broker broke")
        return Outgoing.of(lost, site)

    opened: list[Broker] = []
    try:
        opened.append(open_broker(config.transport, will))
    except TransportUnavailableError as error:
        _log.warning("%s; tracking begins, messages are kept and sent later", error)
    connect = lambda: opened.pop() if opened else open_broker(config.transport, will)  # noqa: E731
    try:
        with Sender(site, connect, spool, close_s=_CLOSE_S) as sender:
            yield sender
    finally:
        for broker in opened:
            broker.close()


def _check_names(names: Sequence[str]) -> None:
    """Refuse names that messages cannot hold.

    Raises:
        ConfigError: one is too long, or no text.
    """
    try:
        for name in names:
            escape(name)
    except MessageError as error:
        raise ConfigError(f"a site, edge or camera cannot be called so: {error}") from None


def _check_transport(config: TransportConfig) -> None:
    """Find mistakes that only the user can repair before anything is opened.

    Raises:
        ConfigError: the address or the credentials are wrong.
    """
    if parse_address(config).kind == "memory":
        raise ConfigError(
            f"transport.address = {config.address}: nobody hears that; expected a broker, e.g. "
            "--broker nats://127.0.0.1:4222"
        )
    read_credentials(config)


def _reported(config: Config, pipeline: Pipeline, ground: GroundPlane) -> Reported:
    if pipeline.embedding_size is None:
        raise ConfigError(
            f"encoder.model = {config.encoder.model}: other hosts know people by their looks; "
            "expected an encoder, see `reid-track weights list`"
        )
    pictures = None
    if config.edge.send_pictures:
        pictures = SmallPictures(blur_heads=config.output.blur_heads)
    return Reported(
        encoder=model_fingerprint(config.encoder),
        dim=pipeline.embedding_size,
        gone_s=config.tracker.max_age_s,
        edge=config.edge,
        match=config.match,
        ground=ground,
        pictures=pictures,
    )


def _open_spool(config: Config, edge_name: str, stack: ExitStack) -> Spool:
    transport = config.transport
    spool = Spool(
        transport.spool or _default_spool(edge_name),
        most_bytes=transport.spool_bytes,
        most_age_s=transport.spool_age_h * 3600,
    )
    stack.callback(spool.close)
    return spool


def _default_spool(edge_name: str) -> Path:
    """Return a file of this edge in $REID_TRACKER_HOME, or else in the user's data."""
    file = f"spool-{escape(edge_name)[:100]}.sqlite"
    if home := os.environ.get("REID_TRACKER_HOME"):
        return Path(home).expanduser().absolute() / file
    data = os.environ.get("XDG_DATA_HOME", "")
    base = Path(data) if os.path.isabs(data) else Path("~/.local/share").expanduser()
    return base / "reid_tracker" / file


def _report(run: EdgeRun, outbox: Outbox, sender: Sender, edge_name: str) -> None:
    frames = ", ".join(f"{name} {count} frames" for name, count in run.frames.items())
    waiting = f", {sender.pending} wait for the next start" if sender.pending else ""
    sys.stdout.write(
        f"edge {edge_name}: {frames}; {outbox.ended} tracklets, {sender.counts.sent} messages "
        f"sent{waiting}\n"
    )
