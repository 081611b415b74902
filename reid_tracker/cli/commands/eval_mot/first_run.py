"""Tracks the sequences of a benchmark before they are scored."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path

from reid_tracker.cli.commands.track import ShowProgress
from reid_tracker.cli.interrupts import StopSignals
from reid_tracker.cli.options import to_config
from reid_tracker.cli.report import Report
from reid_tracker.config import Config
from reid_tracker.errors import ConfigError
from reid_tracker.evaluate.mot import MotSequence, find_results
from reid_tracker.run.folders import result_folder
from reid_tracker.run.tracking import track


def find_videos(arguments: argparse.Namespace, sequences: Sequence[MotSequence]) -> dict[str, Path]:
    """Return where the frames of each sequence are, as far as that is known.

    Raises:
        ConfigError: --video names an unknown sequence, or none where there are several.
    """
    names = [one.name for one in sequences]
    found = {one.name: one.images for one in sequences if one.images is not None}
    for word in arguments.video:
        name, equals, file = word.partition("=")
        if not equals and len(names) == 1:
            name, file = names[0], word
        if name not in names:
            raise ConfigError(
                f"--video {word}: expected SEQUENCE=FILE, with a sequence of {', '.join(names)}"
            )
        found[name] = Path(file)
    return found


def track_sequences(
    arguments: argparse.Namespace, sequences: Sequence[MotSequence], videos: dict[str, Path]
) -> dict[str, Path]:
    """Track every sequence into a folder of its own, and return the texts.

    Raises:
        ConfigError: a sequence has no frames.
    """
    for one in sequences:
        if one.name not in videos:
            raise ConfigError(
                f"sequence {one.name} has no folder img1: name its video with --video "
                f"{one.name}=FILE"
            )
    config = to_config(arguments)
    name = f"eval-mot-{sequences[0].name}" + ("+" if len(sequences) > 1 else "")
    with StopSignals() as signals, result_folder(arguments.output, name) as folder:
        for one in sequences:
            track(
                [str(videos[one.name])],
                _for_sequence(config, one),
                folder / one.name,
                overwrite=arguments.overwrite,
                reads=[str(one.truth), *([arguments.config] if arguments.config else [])],
                watch=ShowProgress(Report(quiet=arguments.quiet), signals),
            )
        return find_results(sequences, [folder])


def _for_sequence(config: Config, sequence: MotSequence) -> Config:
    """Return the configuration of a run that writes only text, at the rate of the sequence."""
    rate = config.video.frame_rate or sequence.frame_rate
    return dataclasses.replace(
        config,
        video=dataclasses.replace(config.video, frame_rate=rate),
        output=dataclasses.replace(config.output, video=False, jsonl=False, mot=True),
    )
