"""`reid-track SOURCE...`: the main job, from pixels to tracks to files."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import unquote

from reid_tracker.cli.arguments import build_parser, to_config
from reid_tracker.cli.interrupts import StopSignals
from reid_tracker.cli.outputs import output_folder
from reid_tracker.cli.report import Report
from reid_tracker.config import Config
from reid_tracker.errors import ConfigError, OutputError
from reid_tracker.pipeline import Pipeline
from reid_tracker.sink import Sink, open_identity_events, open_sinks, open_window
from reid_tracker.video import Source, open_sources


def track(words: Sequence[str]) -> int:
    """Track people in the sources named on the command line; returns the exit code.

    Raises:
        ReidTrackerError: bad arguments, sources, models or outputs.
        KeyboardInterrupt: the user stopped the run; the outputs are closed.
    """
    arguments = build_parser().parse_intermixed_args(words)
    config = to_config(arguments)
    report = Report(quiet=arguments.quiet, stride=config.video.stride)
    with ExitStack() as stack:
        signals = stack.enter_context(StopSignals())
        sources = _open_sources(arguments.sources, config, stack)
        _check_replay(config, sources)
        name = "+".join(source.name for source in sources[:3])
        folder = output_folder(arguments.output, name)
        _refuse_own_inputs(arguments, sources, folder)
        pipeline = Pipeline.from_config(config)
        sinks: dict[str, list[Sink]] = {}
        for source in sources:
            sinks[source.name] = _open_sinks(source, folder, config, arguments, stack)
        events = None
        if pipeline.matches(sources) and config.output.jsonl:
            events = open_identity_events(folder, overwrite=arguments.overwrite)
            stack.callback(events.close)
            for opened in sinks.values():
                opened.append(events)
        # A stack unwinds in reverse: the summary, then no more signals, then the sinks are closed.
        stack.callback(signals.ignore)
        # Also after Ctrl-C, the only end that a live source has.
        stack.callback(lambda: report.finish(pipeline.times.seconds, folder))
        _run(pipeline, sources, sinks, report, signals)
        if events is not None:
            events.write_events(pipeline.last_events)
    return 0


def _run(
    pipeline: Pipeline,
    sources: list[Source],
    sinks: dict[str, list[Sink]],
    report: Report,
    signals: StopSignals,
) -> None:
    with report.progress(sources):
        for result in pipeline.run(sources):
            with signals.held(), pipeline.times.measure("write"):
                for sink in sinks[result.camera]:
                    sink.write(result)
            report.count(result)


def _open_sources(names: list[str], config: Config, stack: ExitStack) -> list[Source]:
    """Open every source before any model is loaded, so that a typing error costs no time."""
    video = config.video
    sources = open_sources(
        names, stride=video.stride, frame_rate=video.frame_rate, stream=config.stream
    )
    for source in sources:
        stack.callback(source.close)
    return _with_distinct_names(sources)


def _with_distinct_names(sources: list[Source]) -> list[Source]:
    """Number sources that share a name: two folders may both hold a camera.mp4."""
    taken: set[str] = set()
    for source in sources:
        name, number = source.name, 1
        while source.name in taken:
            number += 1
            source.name = f"{name}-{number}"
        taken.add(source.name)
    return sources


def _check_replay(config: Config, sources: list[Source]) -> None:
    if config.detector.model.lower().endswith(".txt") and len(sources) > 1:
        raise ConfigError(
            f"{config.detector.model} holds the detections of one video, but {len(sources)} "
            "sources are given; run them one by one"
        )


def _refuse_own_inputs(arguments: Namespace, sources: list[Source], folder: Path) -> None:
    """Refuse an output that is a file the run reads: not even --overwrite means that."""
    words = [*arguments.sources, arguments.config]
    words += [getattr(arguments, name, None) for name in ("detector", "encoder")]
    inputs = {Path(unquote(word.removeprefix("file://"))).resolve() for word in words if word}
    for source in sources:
        for suffix in (".mp4", ".txt", ".jsonl", ".csv"):
            if (output := (folder / f"{source.name}{suffix}").resolve()) in inputs:
                raise OutputError(
                    f"{output} is read by this run and would be replaced by its result; choose "
                    "another folder with --output"
                )


def _open_sinks(
    source: Source, folder: Path, config: Config, arguments: Namespace, stack: ExitStack
) -> list[Sink]:
    """Open the window first: where there is no screen, no half-made files stay behind."""
    sinks = [open_window(source.name, config.output)] if arguments.show else []
    for sink in sinks:
        stack.callback(sink.close)
    files = open_sinks(
        folder, config.output, source.info, source.name, overwrite=arguments.overwrite
    )
    for sink in files:
        stack.callback(sink.close)
    return sinks + files
