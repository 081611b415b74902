"""The options of `reid-track SOURCE...` and how they become a configuration."""

from __future__ import annotations

import argparse
from typing import Any, NoReturn

import reid_tracker
from reid_tracker.cli.redact import redact
from reid_tracker.config import Config, load_config, parse_override

_EXAMPLES = """\
examples:
  reid-track video.mp4
  reid-track video.mp4 --detector yolo11s.pt --encoder osnet_x1_0_msmt17.pth
  reid-track cam1.mp4 cam2.mp4 --config fast -o results --no-save-video
  reid-track rtsp://user:password@192.0.2.7/stream --show
  reid-track door.mp4 --gallery people.sqlite --start-time 2026-11-24T18:30
  reid-track frames/ --detector public_detections.txt --set tracker.max_age_s=2
"""

# Option -> the configuration keys that it sets.
_KEYS = {
    "detector": ("detector.model",),
    "encoder": ("encoder.model",),
    # The tracker must not throw away what the user asked the detector to keep.
    "conf": ("detector.confidence", "tracker.min_confidence"),
    "iou": ("detector.iou",),
    "imgsz": ("detector.image_size",),
    "classes": ("detector.classes",),
    "device": ("detector.device", "encoder.device"),
    "half": ("detector.half", "encoder.half"),
    "vid_stride": ("video.stride",),
    "fps": ("video.frame_rate",),
    "save_video": ("output.video",),
    "save_mot": ("output.mot",),
    "save_jsonl": ("output.jsonl",),
    "save_csv": ("output.csv",),
    "save_crops": ("output.crops",),
    "blur_heads": ("output.blur_heads",),
    "gallery": ("gallery.address",),
    "site": ("gallery.site",),
    "store_crops": ("gallery.store_crops",),
    "retention_h": ("gallery.retention_h",),
    "start_time": ("gallery.start_time",),
    "mosaic": ("output.mosaic",),
    "save_parquet": ("output.parquet",),
    "save_pictures": ("output.pictures",),
    "topology": ("match.topology",),
    "ground": ("match.ground",),
    "broker": ("transport.address",),
    "credentials": ("transport.credentials",),
    "tls_ca": ("transport.tls_ca",),
    "spool": ("transport.spool",),
    "edge": ("edge.name",),
    "edge_site": ("edge.site",),
    "send_pictures": ("edge.send_pictures",),
    "identities": ("edge.identities",),
    "keep_h": ("edge.keep_h",),
    "rotate_h": ("edge.rotate_h",),
    "delete_after_h": ("edge.delete_after_h",),
}


class Parser(argparse.ArgumentParser):
    """A parser whose complaints hold no credentials, should an address be in the wrong place."""

    def error(self, message: str) -> NoReturn:
        """Print usage and the redacted message, and exit with 2."""
        super().error(redact(message))


def build_parser() -> argparse.ArgumentParser:
    """Return the parser. Options that are not given are absent, so that a file can set them."""
    parser = Parser(
        prog="reid-track",
        description="Follow people through video: detect, describe, track, and write the result.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    parser.add_argument(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help="video file, folder or glob of images, camera number, RTSP or HTTP address; "
        "several are several cameras",
    )
    add_models(parser)
    _add_outputs(parser)
    _add_gallery(parser)
    _add_several_cameras(parser)
    add_general(parser)
    return parser


def add_general(parser: argparse.ArgumentParser) -> None:
    """Add what commands with a configuration have in common."""
    general = parser.add_argument_group("general")
    general.add_argument(
        "--config", metavar="FILE", default=None, help="YAML file, or a name in configs/: fast, ..."
    )
    general.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="set any configuration key, e.g. tracker.max_age_s=2 (repeatable)",
    )
    general.add_argument("--quiet", action="store_true", default=False, help="print errors only")
    general.add_argument(
        "--debug", action="store_true", default=False, help="log more, show tracebacks"
    )
    general.add_argument(
        "--version", action="version", version=f"%(prog)s {reid_tracker.__version__}"
    )


def add_models(parser: argparse.ArgumentParser) -> None:
    """Add what says which models find and describe people, and how sources are read."""
    models = parser.add_argument_group("models")
    models.add_argument(
        "--detector",
        "--yolo-model",
        metavar="MODEL",
        help="YOLO file, folder or name, a name of `reid-track weights list`, a MOTChallenge "
        "detection file (.txt) to replay, or auto, the best on this machine (default)",
    )
    models.add_argument(
        "--encoder",
        "--reid-model",
        metavar="MODEL",
        help="OSNet .onnx, .pt or .pth, a name of `reid-track weights list`, a published size, "
        "timm:NAME, none for motion alone, or auto, the best on this machine (default)",
    )
    models.add_argument(
        "--conf",
        type=float,
        help="least detection confidence; weak detections continue tracks, "
        "tracker.high_confidence is what starts them",
    )
    models.add_argument("--iou", type=float, help="overlap for non-maximum suppression")
    models.add_argument("--imgsz", type=int, metavar="PIXELS", help="detector image size")
    models.add_argument(
        "--classes", help="class numbers or names, with commas between them (default: person)"
    )
    models.add_argument("--device", help="auto, cpu, cuda, cuda:1, mps")
    models.add_argument("--half", action="store_true", help="compute in float16 (GPU)")
    models.add_argument("--vid-stride", type=int, metavar="N", help="take every n-th frame")
    models.add_argument(
        "--fps", type=float, help="frames per second, where a file tells it wrong and for images"
    )


def _add_outputs(parser: argparse.ArgumentParser) -> None:
    outputs = parser.add_argument_group("outputs")
    outputs.add_argument(
        "--output",
        "-o",
        metavar="FOLDER",
        default=None,
        help="where the results go (default: a new folder below runs/)",
    )
    outputs.add_argument(
        "--overwrite", action="store_true", default=False, help="replace earlier results"
    )
    outputs.add_argument("--show", action="store_true", default=False, help="show a live window")
    add_saved(outputs)


def add_saved(outputs: argparse._ArgumentGroup) -> None:
    """Add what says which files are written of each camera."""
    for name, text in (
        ("video", "annotated video"),
        ("mot", "MOTChallenge text"),
        ("jsonl", "JSON lines"),
        ("csv", "CSV"),
        ("crops", "pictures of each identity"),
    ):
        outputs.add_argument(f"--save-{name}", action=argparse.BooleanOptionalAction, help=text)
    outputs.add_argument(
        "--blur-heads",
        action=argparse.BooleanOptionalAction,
        help="make heads unrecognisable in every picture that is shown, written or stored",
    )


def _add_gallery(parser: argparse.ArgumentParser) -> None:
    gallery = parser.add_argument_group(
        "gallery", "remember who was seen where, and know people from earlier runs"
    )
    gallery.add_argument(
        "--gallery",
        metavar="PATH|URL",
        help="file, or postgresql://USER@HOST/DATABASE, with the password in ~/.pgpass or "
        "PGPASSWORD (default: remember nothing)",
    )
    gallery.add_argument("--site", metavar="NAME", help="place that the cameras belong to")
    gallery.add_argument(
        "--store-crops",
        action=argparse.BooleanOptionalAction,
        help="store the best picture of each sighting, too",
    )
    gallery.add_argument(
        "--retention-h", type=float, metavar="HOURS", help="delete what was stored longer ago (72)"
    )
    gallery.add_argument(
        "--start-time",
        metavar="TIME",
        help="when the recording begins, e.g. 2026-11-24T18:30 (default: what the file says; the "
        "present for cameras and streams)",
    )


def _add_several_cameras(parser: argparse.ArgumentParser) -> None:
    several = parser.add_argument_group("several cameras")
    several.add_argument(
        "--topology", metavar="FILE", help="YAML of overlaps and transit times (default: learned)"
    )
    several.add_argument(
        "--ground", metavar="FILE", help="YAML of homographies, as `reid-track ground` makes it"
    )
    for names, text in (
        (("--mosaic", "--save-mosaic"), "one video of all cameras (default: on)"),
        (("--save-parquet",), "table of all boxes, with the extra parquet"),
        (("--save-pictures",), "timeline, transitions, transit times, floor map (default: on)"),
    ):
        several.add_argument(*names, action=argparse.BooleanOptionalAction, help=text)


def to_config(arguments: argparse.Namespace) -> Config:
    """Turn parsed arguments into a configuration: defaults, then --config, options, then --set.

    Raises:
        ConfigError: a key, value or file is wrong.
    """
    given = vars(arguments)
    overrides: dict[str, Any] = {}
    for option, keys in _KEYS.items():
        if option in given:
            overrides.update(dict.fromkeys(keys, given[option]))
    if "classes" in given:
        overrides["detector.classes"] = _split_classes(given["classes"])
    overrides.update(parse_override(text) for text in given["set"])
    return load_config(given["config"], overrides)


def _split_classes(text: str) -> list[int | str]:
    """Read class numbers and names, separated by commas."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    return [int(name) if name.isdigit() else name for name in names]
