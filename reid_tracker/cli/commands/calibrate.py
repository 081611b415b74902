"""`reid-track calibrate SOURCE...`: thresholds for a detector, an encoder and a site."""

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
from reid_tracker.detect.calibrate import ConfidenceRecorder, separating_confidence
from reid_tracker.encode import build_encoder
from reid_tracker.errors import ConfigError
from reid_tracker.explain.threshold_plot import Separation, draw_separations
from reid_tracker.match.calibrate import CalibratedThresholds, PieceRecorder, calibrate
from reid_tracker.pipeline import Pipeline, suited_to_models
from reid_tracker.track import EncodeRows, Tracker, build_tracker
from reid_tracker.types import Detections, Embeddings, ImageBGR, Tracks
from reid_tracker.video import open_source

_EXAMPLES = """\
examples:
  reid-track calibrate door.mp4 hall.mp4 --save site.yaml --plot site.png
  reid-track calibrate --labelled people/ --encoder my.onnx
  reid-track door.mp4 hall.mp4 --config site.yaml
"""


def run(arguments: argparse.Namespace) -> int:
    """Determine the thresholds; print or save them."""
    if bool(arguments.sources) == bool(arguments.labelled):
        raise ConfigError("expected videos, or --labelled with a data set; see --help")
    output = new_file(arguments.save, overwrite=arguments.overwrite)
    plot = new_file(arguments.plot, overwrite=arguments.overwrite)
    config = suited_to_models(to_config(arguments))
    if arguments.labelled:
        same, different = _labelled(arguments, config)
        hidden = clear = np.empty(0)
    else:
        same, different, (hidden, clear) = _footage(arguments.sources, config)
    found, confidence = calibrate(same, different), separating_confidence(hidden, clear)
    text = _written(found, confidence)
    if output is None:
        sys.stdout.write(text)
    else:
        write_text(output, text)
    if plot is not None:
        kinds = {"one person": same, "two people": different}
        limits = {"tight": found.tight, "loose": found.loose}
        separations = [Separation("Embeddings", "cosine distance", kinds, limits)]
        if confidence is not None:
            kinds = {"half hidden": hidden, "clearly visible": clear}
            limits = {"high_confidence": confidence}
            separations.append(Separation("Detections", "confidence", kinds, limits))
        draw_separations(separations, "Thresholds").save(plot, overwrite=arguments.overwrite)
    return 0


def add_arguments(parser: Parser) -> None:
    """Add the arguments."""
    parser.description = (
        "Choose the thresholds of the tracker and the matcher for a detector and an encoder from "
        "your own footage: videos without labels, or images of known people."
    )
    parser.epilog = _EXAMPLES
    parser.add_argument("sources", nargs="*", metavar="SOURCE", help="videos (without labels)")
    parser.add_argument(
        "--labelled", metavar="DATASET", help="images of known people instead of videos"
    )
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
        help="configuration file for the thresholds (default: print them)",
    )
    parser.add_argument(
        "--plot", metavar="PNG", help="also draw the distributions that the thresholds separate"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace those files")


class _RecordingTracker:
    """A tracker that also records the embeddings of its tracks."""

    def __init__(self, tracker: Tracker, config: MatchConfig) -> None:
        self.recorder = PieceRecorder(config)
        self._tracker = tracker

    def update(
        self,
        detections: Detections,
        embeddings: Embeddings | EncodeRows | None = None,
        timestamp_s: float | None = None,
        frame: ImageBGR | None = None,
    ) -> Tracks:
        """Track and record; see `Tracker.update`."""
        tracks = self._tracker.update(detections, embeddings, timestamp_s, frame)
        if embeddings is not None and not callable(embeddings):
            self.recorder.add(tracks, embeddings, timestamp_s or 0.0)
        return tracks

    def reset(self) -> None:
        """Delete all tracks, but keep the records."""
        self._tracker.reset()


def _footage(
    names: Sequence[str], config: Config
) -> tuple[FloatArray, FloatArray, tuple[FloatArray, FloatArray]]:
    """Measure distances and confidences in videos without labels.

    Returns:
        Distances within a person, distances between two people, and the confidences of half hidden
        and of clearly visible people.
    """
    confidences = ConfidenceRecorder()
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
        for result in pipeline.run(sources):
            confidences.add(result.detections)
    parts = [tracker.recorder.distances() for tracker in trackers]
    same, different = (np.concatenate(kind) for kind in zip(*parts, strict=True))
    return same, different, confidences.confidences()


def _labelled(arguments: argparse.Namespace, config: Config) -> tuple[FloatArray, FloatArray]:
    """Return distances within a person and between two people in labelled images."""
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


def _written(found: CalibratedThresholds, confidence: float | None) -> str:
    high = f"  high_confidence: {confidence}\n"
    if confidence is None:
        high = "  # high_confidence: not determined, too few people hide others\n"
    return (
        f"# {found.same_pairs} pairs of one person, {found.different_pairs} of two people; "
        f"{100 * found.equal_error:.1f} % of both on the wrong side of `loose`.\n"
        f"tracker:\n  max_cosine_distance: {found.max_cosine_distance}\n{high}"
        f"match:\n  tight: {found.tight}\n  loose: {found.loose}\n"
        f"  revise_threshold: {found.revise_threshold}\n"
    )
