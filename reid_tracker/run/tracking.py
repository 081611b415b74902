"""A tracking run from sources to files: the Python API of `reid-track SOURCE...`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from reid_tracker.config import Config
from reid_tracker.errors import OutputError
from reid_tracker.pipeline import Pipeline, suited_to_models
from reid_tracker.run.folders import removed_unless_started, result_folder
from reid_tracker.run.memory import open_memory
from reid_tracker.run.outputs import RunOutputs
from reid_tracker.run.profile import Profile
from reid_tracker.run.refined import RefinedTracks
from reid_tracker.run.sources import check_replay, open_run_sources
from reid_tracker.run.writer import ResultWriter, Write
from reid_tracker.sink import (
    CountingPlaces,
    Paint,
    SharedSink,
    counting_places,
    open_best_crops,
    open_counts,
    open_identity_events,
    open_sinks,
    open_window,
    output_paths,
)
from reid_tracker.types import FrameResult, VideoInfo
from reid_tracker.video import Source, read_entries

if TYPE_CHECKING:
    from reid_tracker.sink.counts.files import CountSink


class Watch:
    """Receives the progress of a run and ignores it; the command line's version shows it."""

    def running(self, sources: Sequence[Source]) -> AbstractContextManager[object]:
        """Return a context that lasts from the first frame to the last."""
        return nullcontext()

    def writing(self) -> AbstractContextManager[object]:
        """Return a context for opening or writing outputs, which must not be interrupted."""
        return nullcontext()

    def count(self, result: FrameResult) -> None:
        """Receive one result after it was written."""

    def ending(self, seconds: Mapping[str, float], folder: Path, encoded: tuple[int, int]) -> None:
        """Receive what is known at the end, before the outputs are closed.

        Args:
            seconds: time spent in each stage.
            folder: where the results are.
            encoded: number of boxes that were encoded, and of all boxes.
        """

    def profiled(self, profile: Profile) -> None:
        """Receive where a run with a profile waited; called after `ending`."""


def track(
    names: Sequence[str],
    config: Config,
    output: str | Path | None = None,
    *,
    overwrite: bool = False,
    show: bool = False,
    profile: bool = False,
    reads: Sequence[str] = (),
    watch: Watch | None = None,
) -> Path:
    """Track people in sources, and write the results.

    Args:
        names: sources, and lists of sources.
        config: of the run.
        output: folder for the results; None makes a new one below runs/.
        overwrite: whether earlier results may be replaced.
        show: whether each camera gets a live window.
        profile: whether `profile.json` is written, a trace of all stages and waits.
        reads: more input files, which the run must not replace.
        watch: receives the progress.

    Returns:
        The folder.

    Raises:
        ReidTrackerError: a source, model or output cannot be used.
    """
    watch = watch or Watch()
    with ExitStack() as stack:
        entries = read_entries(names)
        sources = open_run_sources(entries, config, stack)
        check_replay(config, len(sources))
        places = counting_places(config.output, _infos(sources))
        name = "+".join(source.name for source in sources[:3])
        folder = stack.enter_context(result_folder(output, name))
        files = [entry.url for entry in entries]  # includes the files of a folder
        inputs = [*names, *files, *reads, config.detector.model, config.encoder.model]
        paths = list(output_paths(folder, [source.name for source in sources]))
        _refuse_inputs(inputs, paths)
        best = open_best_crops() if config.gallery.store_crops else None
        remember = open_memory(config, sources, stack, best.take if best else None)
        config = suited_to_models(config)
        pipeline = Pipeline.from_config(config, remember=remember)
        started = stack.enter_context(removed_unless_started(paths))
        with watch.writing():
            outputs, shared = _open_outputs(
                pipeline,
                sources,
                folder,
                config,
                stack,
                places=places,
                show=show,
                overwrite=overwrite,
            )
            if best is not None:
                for some in outputs.values():
                    some.append(best.write)
            writer = ResultWriter(outputs, blur_heads=config.output.blur_heads)
            if profile:
                trace = Profile(folder / "profile.json", overwrite=overwrite)
                pipeline.times = stack.enter_context(trace)
                stack.callback(watch.profiled, trace)
            # Runs also after Ctrl-C, which is how runs on live sources end.
            stack.callback(
                lambda: watch.ending(
                    pipeline.times.seconds, folder, (pipeline.encoded, pipeline.boxes)
                )
            )
        started()
        # Closing stops the threads of the run before the sources are closed.
        with watch.running(sources), closing(pipeline.run(sources)) as results:
            for result in results:
                with watch.writing(), pipeline.times.measure("write"):
                    writer.write(result)
                watch.count(result)
        for one in shared:
            one.write_events(pipeline.last_events)
    return folder


def _infos(sources: Sequence[Source]) -> dict[str, VideoInfo]:
    return {source.name: source.info for source in sources}


def _open_outputs(
    pipeline: Pipeline,
    sources: Sequence[Source],
    folder: Path,
    config: Config,
    stack: ExitStack,
    *,
    places: CountingPlaces,
    show: bool,
    overwrite: bool,
) -> tuple[dict[str, list[Write]], list[SharedSink]]:
    """Open the outputs of each camera, and what all of them share; `stack` closes them."""
    matches = pipeline.matches(sources)
    several = matches and len(sources) > 1
    counts, refined_counts = _open_counts(
        sources, folder, config, stack, places=places, overwrite=overwrite
    )
    shared: list[SharedSink] = [one for one in (counts, refined_counts) if one is not None]
    paints: dict[str, Paint] = {}
    writes: dict[str, list[Write]] = {}
    for source in sources:
        if counts is not None:
            paints[source.name] = partial(counts.paint, source.name)
        paint = paints.get(source.name)
        # The window first: without a screen it fails before any file is made.
        sinks = [open_window(source.name, config.output, paint)] if show else []
        for sink in sinks:
            stack.callback(sink.close)
        files = open_sinks(
            folder,
            config.output,
            source.info,
            source.name,
            identities=several,
            paint=paint,
            overwrite=overwrite,
        )
        for sink in files:
            stack.callback(sink.close)
        # Counts first: the other outputs draw them.
        first: list[Write] = [] if counts is None else [counts.write]
        writes[source.name] = first + [sink.write for sink in sinks + files]
        if config.output.refine and not source.live:
            refined = RefinedTracks(
                folder, source, config.tracker, refined_counts, overwrite=overwrite
            )
            stack.callback(refined.close)
            writes[source.name].append(refined.write)
    whole: SharedSink | None = None
    if several:
        whole = RunOutputs(
            folder, config, sources, pipeline.is_over, paints=paints, overwrite=overwrite
        )
    elif matches and config.output.jsonl:
        whole = open_identity_events(folder, overwrite=overwrite)
    if whole is not None:
        stack.callback(whole.close)
        shared.append(whole)
        for some in writes.values():
            some.append(whole.write)
    return writes, shared


def _open_counts(
    sources: Sequence[Source],
    folder: Path,
    config: Config,
    stack: ExitStack,
    *,
    places: CountingPlaces,
    overwrite: bool,
) -> tuple[CountSink | None, CountSink | None]:
    """Open the counts of live tracks and of refined ones; `stack` closes them."""
    if not any(places):
        return None, None
    stride = config.video.stride
    cameras = {
        camera: replace(info, frame_rate=info.frame_rate / stride)
        for camera, info in _infos(sources).items()
    }
    counts = open_counts(folder, places, cameras, overwrite=overwrite)
    stack.callback(counts.close)
    if not config.output.refine or all(source.live for source in sources):
        return counts, None
    refined = open_counts(folder, places, cameras, refined=True, overwrite=overwrite)
    stack.callback(refined.close)
    return counts, refined


def _refuse_inputs(words: Sequence[str], paths: Sequence[Path]) -> None:
    """Refuse to replace a file that the run reads, even with `overwrite`."""
    inputs = {Path(unquote(word.removeprefix("file://"))).resolve() for word in words}
    for path in paths:
        if (output := path.resolve()) in inputs:
            raise OutputError(
                f"{output} is an input of this run and would be replaced by its result; choose "
                "another folder with --output"
            )
