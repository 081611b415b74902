"""Tracks the sequences of a benchmark before they are evaluated."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from reid_tracker.cli.options import to_config
from reid_tracker.cli.report import Steps, write_text
from reid_tracker.config import Config
from reid_tracker.errors import ConfigError
from reid_tracker.evaluate.mot import MotSequence
from reid_tracker.pipeline import suited_to_models
from reid_tracker.run.folders import result_folder
from reid_tracker.run.found import FoundVideo, FoundVideos, replay
from reid_tracker.sink.files import refuse_existing
from reid_tracker.sink.text.mot_text import mot_lines


def find_videos(arguments: argparse.Namespace, sequences: Sequence[MotSequence]) -> dict[str, Path]:
    """Return the known paths of the frames of each sequence.

    Raises:
        ConfigError: --video names an unknown sequence, or no sequence if there are several.
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
    """Track every sequence; return the paths of the MOT texts.

    Raises:
        ConfigError: a sequence has no frames.
    """
    check_frames(sequences, videos)
    config = to_config(arguments)
    tracker = suited_to_models(config).tracker
    name = f"eval-mot-{sequences[0].name}" + ("+" if len(sequences) > 1 else "")
    found = FoundVideos(config, cached=arguments.cache)
    texts: dict[str, Path] = {}
    with result_folder(arguments.output, name) as folder:
        for one in sequences:
            texts[one.name] = text = folder / one.name / f"{one.name}.txt"
            refuse_existing(text, arguments.overwrite)
        for one in sequences:
            rows, _ = replay(
                detect_sequence(found, one, videos, config, quiet=arguments.quiet), tracker
            )
            texts[one.name].parent.mkdir(exist_ok=True)
            write_text(texts[one.name], mot_lines(rows))
    return texts


def check_frames(sequences: Sequence[MotSequence], videos: dict[str, Path]) -> None:
    """Check that the frames of all sequences are known.

    Raises:
        ConfigError: a sequence has no frames.
    """
    for one in sequences:
        if one.name not in videos:
            raise ConfigError(
                f"sequence {one.name} has no folder img1; name its video with --video "
                f"{one.name}=FILE"
            )


def detect_sequence(
    found: FoundVideos,
    sequence: MotSequence,
    videos: dict[str, Path],
    config: Config,
    *,
    quiet: bool,
) -> FoundVideo:
    """Return the detections and embeddings of a sequence, and show the progress."""
    rate = config.video.frame_rate or sequence.frame_rate
    with Steps(sequence.name, sequence.length, quiet=quiet) as steps:
        return found.of(videos[sequence.name], rate, steps.advance)
