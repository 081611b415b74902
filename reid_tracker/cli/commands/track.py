"""`reid-track SOURCE...`: the main job, from pixels to tracks to files."""

from __future__ import annotations

from argparse import Namespace
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from reid_tracker.cli.interrupts import StopSignals
from reid_tracker.cli.options import (
    add_format,
    add_gallery_setting,
    add_general,
    add_models,
    add_saved,
    add_setting,
    to_config,
)
from reid_tracker.cli.parser import Parser
from reid_tracker.cli.report import Report
from reid_tracker.config import OutputConfig
from reid_tracker.errors import OutputError
from reid_tracker.pipeline import Pipeline, suited_to_encoder
from reid_tracker.run.folders import result_folder
from reid_tracker.run.memory import open_memory
from reid_tracker.run.outputs import RunOutputs
from reid_tracker.run.sources import check_replay, open_run_sources
from reid_tracker.run.writer import ResultWriter, Write
from reid_tracker.sink import (
    FORMATS,
    Sink,
    open_best_crops,
    open_identity_events,
    open_sinks,
    open_window,
    output_paths,
)
from reid_tracker.video import Source

if TYPE_CHECKING:
    from reid_tracker.sink.text.identity_events import IdentityEventSink

_EXAMPLES = """\
examples:
  reid-track video.mp4
  reid-track video.mp4 --detector yolo11s.pt --encoder osnet_x1_0_msmt17.pth
  reid-track cam1.mp4 cam2.mp4 --config fast -o results --no-save-video
  reid-track rtsp://user:password@192.0.2.7/stream --show
  reid-track door.mp4 --gallery people.sqlite --start-time 2026-11-24T18:30
  reid-track frames/ --detector public_detections.txt --set tracker.max_age_s=2

Frames count from 0 in CSV and JSON lines, and from 1 in MOTChallenge text.
"""


def add_arguments(parser: Parser) -> None:
    """Add the arguments."""
    parser.description = (
        "Follow people through videos, pictures, cameras and streams, and write the results. "
        "`reid-track SOURCE...` is short for `reid-track track SOURCE...`."
    )
    parser.epilog = _EXAMPLES
    parser.add_sources(
        "video file, folder or glob of images, camera number, RTSP or HTTP address, or a list of "
        "cameras (.yaml, .streams); several sources are several cameras"
    )
    add_models(parser)
    outputs = parser.add_argument_group("outputs")
    outputs.add_argument(
        "--output",
        "-o",
        metavar="FOLDER",
        default=None,
        help="folder for the results (default: a new one below runs/)",
    )
    outputs.add_argument(
        "--overwrite", action="store_true", default=False, help="replace earlier results"
    )
    outputs.add_argument("--show", action="store_true", default=False, help="show a live window")
    add_saved(outputs)
    _add_gallery(parser)
    several = parser.add_argument_group("several cameras")
    add_setting(several, "--topology", key="match.topology", metavar="FILE")
    add_setting(several, "--ground", key="match.ground", metavar="FILE")
    for one in FORMATS.values():
        if one.open_own is None:
            add_format(several, one)
    add_setting(several, "--save-pictures", key="output.pictures")
    add_general(parser)


def _add_gallery(parser: Parser) -> None:
    gallery = parser.add_argument_group(
        "gallery", "remember who was seen where, and recognise people of earlier runs"
    )
    add_gallery_setting(gallery)
    add_setting(gallery, "--site", key="gallery.site", metavar="NAME")
    add_setting(gallery, "--store-crops", key="gallery.store_crops")
    add_setting(
        gallery,
        "--retention-h",
        key="gallery.retention_h",
        help="delete sightings that were stored more than HOURS ago (default: 72)",
    )
    add_setting(gallery, "--start-time", key="gallery.start_time", metavar="TIME")


def run(arguments: Namespace) -> int:
    """Track people in the sources named on the command line; returns the exit code.

    Raises:
        ReidTrackerError: bad arguments, sources, models or outputs.
        KeyboardInterrupt: the user stopped the run; the outputs are closed.
    """
    config = to_config(arguments)
    report = Report(quiet=arguments.quiet, stride=config.video.stride)
    with ExitStack() as stack:
        signals = stack.enter_context(StopSignals())
        sources = open_run_sources(arguments.sources, config, stack)
        check_replay(config, len(sources))
        name = "+".join(source.name for source in sources[:3])
        folder = result_folder(arguments.output, name)
        _refuse_own_inputs(arguments, sources, folder)
        best = open_best_crops() if config.gallery.store_crops else None
        remember = open_memory(config, sources, stack, best.take if best else None)
        config = suited_to_encoder(config)
        pipeline = Pipeline.from_config(config, remember=remember)
        sinks: dict[str, list[Write]] = {}
        several = pipeline.matches(sources) and len(sources) > 1
        for source in sources:
            opened = _open_sinks(source, folder, config.output, arguments, stack, several=several)
            sinks[source.name] = [sink.write for sink in opened]
            if best is not None:
                sinks[source.name].append(best.write)
        shared: RunOutputs | IdentityEventSink | None = None
        if several:
            shared = RunOutputs(
                folder, config, sources, pipeline.is_over, overwrite=arguments.overwrite
            )
        elif pipeline.matches(sources) and config.output.jsonl:
            shared = open_identity_events(folder, overwrite=arguments.overwrite)
        if shared is not None:
            stack.callback(shared.close)
            for writes in sinks.values():
                writes.append(shared.write)
        # A stack unwinds in reverse: the summary, then no more signals, then the sinks are closed.
        stack.callback(signals.ignore)
        # Also after Ctrl-C, which is how runs on live sources end.
        stack.callback(lambda: report.finish(pipeline.times.seconds, folder))
        writer = ResultWriter(sinks, blur_heads=config.output.blur_heads)
        _run(pipeline, sources, writer, report, signals)
        if shared is not None:
            shared.write_events(pipeline.last_events)
    return 0


def _run(
    pipeline: Pipeline,
    sources: list[Source],
    writer: ResultWriter,
    report: Report,
    signals: StopSignals,
) -> None:
    with report.progress(sources):
        for result in pipeline.run(sources):
            with signals.held(), pipeline.times.measure("write"):
                writer.write(result)
            report.count(result)


def _refuse_own_inputs(arguments: Namespace, sources: list[Source], folder: Path) -> None:
    """Refuse to replace a file that the run reads, even with --overwrite."""
    words = [*arguments.sources, arguments.config]
    words += [getattr(arguments, f"{name}.model", None) for name in ("detector", "encoder")]
    inputs = {Path(unquote(word.removeprefix("file://"))).resolve() for word in words if word}
    for path in output_paths(folder, [source.name for source in sources]):
        if (output := path.resolve()) in inputs:
            raise OutputError(
                f"{output} is read by this run and would be replaced by its result; choose "
                "another folder with --output"
            )


def _open_sinks(
    source: Source,
    folder: Path,
    output: OutputConfig,
    arguments: Namespace,
    stack: ExitStack,
    *,
    several: bool,
) -> list[Sink]:
    """Open the window first, so that no files are left without a screen."""
    sinks = [open_window(source.name, output)] if arguments.show else []
    for sink in sinks:
        stack.callback(sink.close)
    files = open_sinks(
        folder,
        output,
        source.info,
        source.name,
        identities=several,
        overwrite=arguments.overwrite,
    )
    for sink in files:
        stack.callback(sink.close)
    return sinks + files
