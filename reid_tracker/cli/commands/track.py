"""`reid-track SOURCE...`: the main job, from pixels to tracks to files."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from reid_tracker import zoo
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
from reid_tracker.config import Config
from reid_tracker.run.profile import Profile
from reid_tracker.run.tracking import Watch, track
from reid_tracker.sink import FORMATS
from reid_tracker.types import FrameResult
from reid_tracker.video import Source

_EXAMPLES = """\
examples:
  reid-track video.mp4
  reid-track video.mp4 --detector yolo11s.pt --encoder osnet_x1_0_msmt17.pth
  reid-track cam1.mp4 cam2.mp4 --config fast -o results --no-save-video
  reid-track rtsp://user:password@192.0.2.7/stream --show
  reid-track door.mp4 --gallery people.sqlite --start-time 2026-11-24T18:30
  reid-track door.mp4 --line "gate=100,400,620,400" --save-heatmap --refine
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
    outputs.add_argument(
        "--profile",
        action="store_true",
        default=False,
        help="print where the run waited, and write profile.json, a trace for chrome://tracing "
        "and ui.perfetto.dev",
    )
    add_saved(outputs)
    add_setting(
        outputs,
        "--labels",
        key="output.labels",
        type=lambda text: text.split(","),
        metavar="PARTS",
        help="what stands at a box in videos: id, class, confidence, or several with commas "
        "(default: id)",
    )
    add_setting(outputs, "--line-thickness", key="output.line_thickness", metavar="PIXELS")
    add_setting(outputs, "--refine", key="output.refine")
    for option, more in (("line", ""), ("zone", ",X3,Y3...")):
        add_setting(
            outputs,
            f"--{option}",
            key=f"output.{option}s",
            action="append",
            type=str,
            metavar="PLACE",
            help=f"count people at a {option}: NAME=X1,Y1,X2,Y2{more} in pixels, or a YAML file "
            "of `reid-track zones` (repeatable)",
        )
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
    """Track people in the sources named on the command line."""
    config = to_config(arguments)
    report = Report(quiet=arguments.quiet, stride=config.video.stride)
    with StopSignals() as signals:
        track(
            arguments.sources,
            config,
            arguments.output,
            overwrite=arguments.overwrite,
            show=arguments.show,
            profile=arguments.profile,
            reads=[arguments.config] if arguments.config else [],
            watch=_OnScreen(report, signals, config),
        )
    return 0


class ShowProgress(Watch):
    """Shows the progress of a run, and keeps signals away from what must stay whole."""

    def __init__(self, report: Report, signals: StopSignals) -> None:
        self._report, self._signals = report, signals

    def running(self, sources: Sequence[Source]) -> AbstractContextManager[object]:
        """Show the progress from the first frame to the last."""
        return self._report.progress(sources)

    def writing(self) -> AbstractContextManager[object]:
        """Delay signals while outputs are written."""
        return self._signals.held()

    def count(self, result: FrameResult) -> None:
        """Count a result."""
        self._report.count(result)


class _OnScreen(ShowProgress):
    """Shows the summary, too."""

    def __init__(self, report: Report, signals: StopSignals, config: Config) -> None:
        super().__init__(report, signals)
        models = {"detector": config.detector.model, "encoder": config.encoder.model}
        self._advice = zoo.advice(models)

    def ending(self, seconds: Mapping[str, float], folder: Path, encoded: tuple[int, int]) -> None:
        self._signals.ignore()
        self._report.finish(seconds, folder, encoded, self._advice)

    def profiled(self, profile: Profile) -> None:
        self._report.show_threads(profile.threads())
