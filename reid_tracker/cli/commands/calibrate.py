"""`reid-track calibrate SOURCE...`: thresholds of the matcher for an encoder and a site."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from contextlib import ExitStack

import numpy as np

from reid_tracker.arrays import FloatArray
from reid_tracker.cli.options import add_general, add_setting, to_config
from reid_tracker.cli.parser import Parser
from reid_tracker.cli.reid_data import add_data_options, embed_sides, label_sides, open_sides
from reid_tracker.cli.report import new_file, write_text
from reid_tracker.config import Config, MatchConfig
from reid_tracker.encode import build_encoder, encoder_thresholds
from reid_tracker.errors import ConfigError
from reid_tracker.match.calibrate import CalibratedThresholds, PieceRecorder, calibrate
from reid_tracker.pipeline import Pipeline
from reid_tracker.track import Tracker, build_tracker
from reid_tracker.types import Detections, Embeddings, ImageBGR, Tracks
from reid_tracker.video import open_source

_EXAMPLES = """\
examples:
  reid-track calibrate door.mp4 hall.mp4 --save site.yaml
  reid-track calibrate --labelled people/ --encoder my.onnx
  reid-track door.mp4 hall.mp4 --config site.yaml
"""


def run(arguments: argparse.Namespace) -> int:
    """Print or save the thresholds for the footage."""
    if bool(arguments.sources) == bool(arguments.labelled):
        raise ConfigError("expected videos, or --labelled with a data set; see --help")
    output = new_file(arguments.save, overwrite=arguments.overwrite)
    config = to_config(arguments)
    config = config.suited_to(encoder_thresholds(config.encoder))
    if arguments.labelled:
        same, different = _labelled(arguments, config)
    else:
        same, different = _footage(arguments.sources, config)
    text = _written(calibrate(same, different))
    if output is None:
        sys.stdout.write(text)
    else:
        write_text(output, text)
    return 0


def add_arguments(parser: Parser) -> None:
    """Add the arguments."""
    parser.description = (
        "Choose the matcher's thresholds for an encoder, on your own footage: videos "
        "without labels, or pictures of known people."
    )
    parser.epilog = _EXAMPLES
    parser.add_argument("sources", nargs="*", metavar="SOURCE", help="videos, without labels")
    parser.add_argument("--labelled", metavar="DATASET", help="pictures of known people instead")
    add_data_options(parser)
    for flags, key in (
        (("--detector",), "detector.model"),
        (("--encoder", "--reid-model"), "encoder.model"),
    ):
        add_setting(parser, *flags, key=key, metavar="MODEL", help="as for reid-track track")
    add_general(parser)
    parser.add_argument(
        "--save",
        metavar="FILE",
        help="write the thresholds to this configuration file instead of printing them",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace that file")


class _RecordingTracker:
    """A tracker that also records what it sees."""

    def __init__(self, tracker: Tracker, config: MatchConfig) -> None:
        self.recorder = PieceRecorder(config)
        self._tracker = tracker

    def update(
        self,
        detections: Detections,
        embeddings: Embeddings | None = None,
        timestamp_s: float | None = None,
        frame: ImageBGR | None = None,
    ) -> Tracks:
        """Track, and record; see `Tracker.update`."""
        tracks = self._tracker.update(detections, embeddings, timestamp_s, frame)
        if embeddings is not None:
            self.recorder.add(tracks, embeddings, timestamp_s or 0.0)
        return tracks

    def reset(self) -> None:
        """Forget all tracks; what is recorded stays."""
        self._tracker.reset()


def _footage(names: Sequence[str], config: Config) -> tuple[FloatArray, FloatArray]:
    """Return distances within a person and between two people in videos without labels."""
    trackers: list[_RecordingTracker] = []

    def new_tracker() -> Tracker:
        trackers.append(_RecordingTracker(build_tracker(config.tracker), config.match))
        return trackers[-1]

    with ExitStack() as stack:
        sources = []
        for name in names:
            source = open_source(name, stride=config.video.stride)
            stack.callback(source.close)
            sources.append(source)
        unmatched = dataclasses.replace(config, match=MatchConfig(enabled=False))
        pipeline = Pipeline.from_config(unmatched, new_tracker=new_tracker)
        for _ in pipeline.run(sources):
            pass
    parts = [tracker.recorder.distances() for tracker in trackers]
    return np.concatenate([one for one, _ in parts]), np.concatenate([two for _, two in parts])


def _labelled(arguments: argparse.Namespace, config: Config) -> tuple[FloatArray, FloatArray]:
    """Return distances within a person and between two people in labelled pictures."""
    _, queries, gallery = open_sides(arguments.labelled, arguments.format, arguments.split)
    labels = label_sides(queries, gallery)
    encoder = build_encoder(config.encoder)
    rows = embed_sides(
        encoder, (queries, gallery), batch_size=config.encoder.batch_size, quiet=arguments.quiet
    )
    distances = 1 - (rows[0] @ rows[1].T).astype(np.float64)
    other_camera = labels[0].cameras[:, None] != labels[1].cameras[None]
    one = labels[0].identities[:, None] == labels[1].identities[None]
    return distances[one & other_camera], distances[~one & other_camera]


def _written(found: CalibratedThresholds) -> str:
    return (
        f"# {found.same_pairs} pairs of one person, {found.different_pairs} of two people; "
        f"{100 * found.equal_error:.1f} % of both on the wrong side of `loose`.\n"
        f"match:\n  tight: {found.tight}\n  loose: {found.loose}\n"
        f"  revise_threshold: {found.revise_threshold}\n"
    )
