"""`reid-track edge`: a camera host, which tracks people and sends their tracklets to a broker."""

from __future__ import annotations

import argparse
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial

from reid_tracker.cli.interrupts import StopSignals
from reid_tracker.cli.options import (
    add_broker,
    add_general,
    add_models,
    add_saved,
    add_setting,
    to_config,
)
from reid_tracker.cli.parser import Parser
from reid_tracker.cli.redact import one_line
from reid_tracker.cli.status import (
    Heartbeat,
    add_status_options,
    log_as_json,
    read_token,
    serve_status,
)
from reid_tracker.config import Config
from reid_tracker.edge import EdgeRun, Hooks, MessageNumbers, Outbox
from reid_tracker.edge.camera_set import CameraSet
from reid_tracker.edge.local_files import LocalOutputs, local_outputs
from reid_tracker.edge.opening import check_names, check_transport, open_spool, reported, sending
from reid_tracker.errors import ConfigError
from reid_tracker.match import GroundPlane, load_ground
from reid_tracker.monitor import notify_systemd
from reid_tracker.pipeline import Pipeline, suited_to_models
from reid_tracker.run.memory import start_of
from reid_tracker.sink import FORMATS
from reid_tracker.transport import Sender

_ONLY_WITH_FILES = {
    **{one.key or "output.extra": one.flags[0] for one in FORMATS.values() if one.on_hosts},
    "output.blur_heads": "--blur-heads",
    "edge.identities": "--identities",
    "edge.rotate_h": "--rotate-h",
    "edge.keep_h": "--keep-h",
    "edge.delete_after_h": "--delete-after-h",
}
_EXAMPLES = """\
examples:
  reid-track edge cameras.yaml --broker nats://127.0.0.1:4222 --site north --edge gate-host
  reid-track edge cameras.yaml --config edge --broker tls://centre.example:4222 --site north \\
      --credentials /etc/reid/edge.credentials --status 127.0.0.1:9100 --json-logs
  reid-track edge door.mp4 --broker mqtt://192.0.2.9 --site north --start-time 2026-11-24T18:30
  reid-track edge cameras.yaml --config edge --site north --output /var/lib/reid \\
      --no-save-video --delete-after-h 72

SIGHUP makes a service (no terminal) read cameras.yaml again; unchanged cameras keep their tracks.
On a terminal, or without a camera list, SIGHUP ends the run, as Ctrl-C and SIGTERM do. Messages
wait in a file (--spool) until the broker has them, also across restarts.
"""


def add_arguments(parser: Parser) -> None:
    """Add the arguments."""
    parser.description = (
        "Track people on the host of the cameras, and send their tracklets to a message broker: "
        "times, positions and embeddings, but no pictures."
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
        "--blur-heads blurs heads in them (default: pictures never leave this host)",
    )
    add_setting(broker, "--start-time", key="gallery.start_time", metavar="TIME")
    add_setting(broker, "--ground", key="match.ground", metavar="FILE")
    add_models(parser)
    _add_outputs(parser)
    add_status_options(parser)
    add_general(parser)


def _add_outputs(parser: Parser) -> None:
    outputs = parser.add_argument_group(
        "outputs", "files on this host, in addition to the messages"
    )
    outputs.add_argument(
        "--output",
        "-o",
        metavar="FOLDER",
        default=None,
        help="write results into new folders in FOLDER, named by time (default: no files)",
    )
    add_saved(outputs, on_hosts=True)
    add_setting(
        outputs,
        "--identities",
        key="edge.identities",
        help="write identities from the centre into the files (default: on)",
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
    """Run a camera host."""
    _check_outputs(arguments)
    config = to_config(arguments)
    if not config.edge.site:
        raise ConfigError("edge.site is empty; add --site NAME, the name that the centre uses")
    numbers = MessageNumbers(config.edge.name or socket.gethostname())
    if arguments.json_logs:
        log_as_json(edge=numbers.edge)
    check_names([numbers.edge, config.edge.site])
    check_transport(config.transport)
    token = read_token(arguments.status_token_file)
    ground = load_ground(config.match.ground) if config.match.ground else GroundPlane()
    with ExitStack() as stack:
        signals = stack.enter_context(StopSignals())
        cameras = stack.enter_context(CameraSet(arguments.sources, config, check_names))
        sources = cameras.sources
        start_s = start_of(config.gallery.start_time, sources)
        config = suited_to_models(
            replace(
                config,
                match=replace(config.match, enabled=False),
                # A tracklet that has ended cannot continue; the centre recognises people who
                # return.
                tracker=replace(config.tracker, recover_s=0.0),
            )
        )
        pipeline = Pipeline.from_config(config)
        settings = reported(config, pipeline, ground)
        spool = open_spool(config, numbers.edge, stack)
        sender = stack.enter_context(sending(config, spool, numbers))
        with signals.held():  # so that no file stays open and incomplete
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


def _check_outputs(arguments: argparse.Namespace) -> None:
    """Refuse options for files if no files are written.

    Raises:
        ConfigError: --output is missing.
    """
    if arguments.output is not None:
        return
    for key, flag in _ONLY_WITH_FILES.items():
        sends = getattr(arguments, "edge.send_pictures", False)
        if hasattr(arguments, key) and not (sends and key == "output.blur_heads"):
            raise ConfigError(f"{flag} has no effect without --output; add --output FOLDER")


@contextmanager
def _finishing(
    run: EdgeRun, sender: Sender, signals: StopSignals, config: Config, local: LocalOutputs
) -> Iterator[None]:
    """After the run, end all tracklets, and send them if the broker is connected."""
    reason = "stopped"
    try:
        yield
        reason = "ended"
    finally:
        signals.ignore()
        notify_systemd("STOPPING=1")
        run.finish(reason)
        # Unsent messages stay in the spool for the next start.
        drain_s = config.edge.drain_s
        sender.wait_sent(0 if sender.away else drain_s)
        local.settle(config, drain_s if reason == "stopped" else None)


def _report(run: EdgeRun, outbox: Outbox, sender: Sender, edge_name: str) -> None:
    frames = ", ".join(f"{name} {count} frames" for name, count in run.frames.items())
    waiting = f", {sender.pending} wait for the next start" if sender.pending else ""
    text = (
        f"edge {edge_name}: {frames}; {outbox.ended} tracklets, {sender.counts.sent} messages sent"
    )
    sys.stdout.write(f"{one_line(text + waiting)}\n")
