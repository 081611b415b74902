"""Options that several commands share, and the conversion of options to a configuration."""

from __future__ import annotations

import argparse
import os
import re
import typing
from collections.abc import Sequence
from typing import Any

import reid_tracker
from reid_tracker.cli.parser import Parser
from reid_tracker.config import Config, load_config, parse_override
from reid_tracker.config.docs import keys_of
from reid_tracker.errors import WeightsError
from reid_tracker.resources import user_data
from reid_tracker.sink import FORMATS, OutputFormat

Group = argparse.ArgumentParser | argparse._ArgumentGroup
_KEYS = {name: keys_of(kind) for name, kind in typing.get_type_hints(Config).items()}


def add_setting(
    group: Group, *flags: str, key: str, help: str | None = None, **options: Any
) -> None:
    """Add an option that sets configuration keys. A new flag needs nothing else.

    Args:
        group: parser or group of the option.
        flags: names of the option, such as "--conf".
        key: the key that it sets, such as "detector.confidence"; several are separated by spaces.
        help: help text; None takes the first sentence about the key.
        options: further arguments of `add_argument`; type and metavar follow from the key. A
            boolean option also gets a --no- form.
    """
    section, _, name = key.split(maxsplit=1)[0].partition(".")
    described = _KEYS[section][name]
    hint = described.kind
    kinds = [kind for kind in typing.get_args(hint) or (hint,) if kind is not type(None)]
    if kinds == [bool]:
        options["action"] = argparse.BooleanOptionalAction
    elif "action" not in options:
        options = {"type": kinds[0], "metavar": _metavar(described.unit, kinds[0])} | options
    if help is None:
        help = re.split(r"; |\. ", described.meaning)[0].rstrip(".")
    group.add_argument(*flags, dest=key, default=argparse.SUPPRESS, help=help, **options)


def _metavar(unit: str, kind: type) -> str:
    named = unit.upper() if unit in {"hours", "seconds", "bytes"} else ""
    return named or {float: "NUMBER", int: "N"}.get(kind, "TEXT")


def add_general(parser: Parser, config: str | None = None) -> None:
    """Add the general options of commands that have a configuration."""
    general = parser.general
    default = f" (default: {config})" if config else ""
    general.add_argument(
        "--config",
        metavar="FILE",
        default=config,
        help=f"YAML file, or a name in configs/: fast, accurate, rtsp, ...{default}",
    )
    general.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="set any key that `reid-track config` lists, e.g. tracker.max_age_s=2 (repeatable)",
    )
    general.add_argument(
        "--version",
        action="version",
        version=f"reid-track {reid_tracker.__version__}",
        help="print the version",
    )


def add_models(parser: Parser) -> None:
    """Add the options for models and for reading sources."""
    parser.rewrite = joined_classes
    models = parser.add_argument_group("models")
    add_setting(
        models,
        "--detector",
        "--yolo-model",
        key="detector.model",
        metavar="MODEL",
        help="YOLO file, folder or name, a name of `reid-track weights list`, a MOTChallenge "
        "detection file (.txt) to replay, or auto, the best on this machine (default)",
    )
    add_setting(
        models,
        "--encoder",
        "--reid-model",
        key="encoder.model",
        metavar="MODEL",
        help="OSNet .onnx, .pt or .pth, OpenVINO .xml, a name of `reid-track weights list`, a "
        "published size, timm:NAME, none to track by motion alone, or auto, the best on this "
        "machine (default)",
    )
    add_setting(
        models,
        "--backend",
        key="encoder.backend",
        metavar="NAME",
        help="what runs the encoder: torch, onnxruntime, openvino, tensorrt, or auto (default)",
    )
    add_setting(
        models,
        "--encode",
        key="tracker.encode",
        metavar="WHICH",
        help="which boxes are encoded: auto, those that can change a decision (default), always, "
        "all, or every:SECONDS, as auto, but people with nobody near once in this time",
    )
    add_setting(
        models,
        "--conf",
        # Also the tracker's threshold, which would otherwise drop these detections again.
        key="detector.confidence tracker.min_confidence",
        help="minimum detection confidence; detections below tracker.high_confidence "
        "continue tracks, but start none",
    )
    add_setting(models, "--iou", key="detector.iou")
    add_setting(models, "--imgsz", key="detector.image_size", metavar="PIXELS")
    models.add_argument(
        "--classes",
        dest="detector.classes",
        metavar="CLASS",
        default=argparse.SUPPRESS,
        type=_class_list,
        help="class numbers or names, e.g. 0 2 or person,car (default: person)",
    )
    add_device(models, dest="detector.device encoder.device", default=argparse.SUPPRESS)
    add_setting(models, "--half", key="detector.half encoder.half")
    add_setting(models, "--vid-stride", key="video.stride")
    add_setting(models, "--fps", key="video.frame_rate")
    add_setting(models, "--live", key="stream.live")


def add_gallery_setting(group: Group) -> None:
    """Add --gallery, for commands that fill a gallery."""
    add_setting(
        group,
        "--gallery",
        key="gallery.address",
        metavar="PATH|URL",
        help="file, or postgresql://USER@HOST/DATABASE with the password in ~/.pgpass or "
        "PGPASSWORD (default: none)",
    )


def add_format(group: Group, one: OutputFormat) -> None:
    """Add the option of an output format."""
    if one.key is not None:
        add_setting(group, *one.flags, key=one.key, help=one.help)
    else:
        group.add_argument(
            *one.flags,
            dest="output.extra",
            action="append_const",
            const=one.name,
            default=argparse.SUPPRESS,
            help=one.help,
        )


def add_saved(outputs: Group, *, on_hosts: bool = False) -> None:
    """Add the options for the output files of each camera.

    Args:
        outputs: group of the options.
        on_hosts: also add the outputs over all cameras that a camera host can write.
    """
    for one in FORMATS.values():
        if one.open_own is not None or (on_hosts and one.on_hosts):
            add_format(outputs, one)
    add_setting(outputs, "--blur-heads", key="output.blur_heads")


def add_broker(group: Group) -> None:
    """Add the options for the message broker."""
    add_setting(
        group,
        "--broker",
        key="transport.address",
        metavar="URL",
        help="nats://HOST:4222, tls://HOST:4222, mqtt://HOST:1883 or mqtts://HOST:8883",
    )
    add_setting(
        group,
        "--credentials",
        key="transport.credentials",
        metavar="FILE",
        help="file with USER:PASSWORD or a NATS nkey seed (default: REID_TRANSPORT_USER and "
        "REID_TRANSPORT_PASSWORD, or REID_TRANSPORT_NKEY)",
    )
    add_setting(group, "--tls-ca", key="transport.tls_ca", metavar="FILE")


def add_device(group: Group, **options: Any) -> None:
    """Add --device; as in ultralytics, a number means a CUDA device."""
    options = {"default": "auto"} | options
    parse = lambda text: f"cuda:{text}" if text.isdigit() else text  # noqa: E731
    group.add_argument(
        "--device",
        type=parse,
        metavar="DEVICE",
        help="auto, cpu, cuda, cuda:1 or 1, mps",
        **options,
    )


def add_drawing(parser: Parser, file: str) -> None:
    """Add the options of commands that draw on a frame of one camera and save a YAML `file`."""
    parser.add_argument(
        "--save",
        metavar="FILE",
        default=file,
        help=f"YAML file to write or add to (default: {file})",
    )
    parser.add_argument(
        "--picture", metavar="FILE", help="PNG to check the result (default: next to --save)"
    )
    parser.add_argument(
        "--camera", metavar="NAME", help="name of the camera (default: the name in tracking)"
    )
    parser.add_argument(
        "--at", type=float, default=0.0, metavar="SECONDS", help="time of the frame to draw on"
    )


def default_gallery() -> str:
    """Return $REID_TRACKER_GALLERY, or gallery.sqlite in the user's data folder."""
    return os.environ.get("REID_TRACKER_GALLERY") or str(user_data("gallery.sqlite"))


def add_gallery_option(parser: Parser) -> None:
    """Add --gallery, for commands that read an existing gallery."""
    parser.add_argument(
        "--gallery",
        metavar="PATH|URL",
        default=None,
        help="file, or postgresql://USER@HOST/DATABASE with the password in ~/.pgpass or "
        "PGPASSWORD (default: $REID_TRACKER_GALLERY, or gallery.sqlite in the user's data folder)",
    )


def _class_list(text: str) -> list[int | str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    return [int(name) if name.isdigit() else name for name in names]


def joined_classes(words: Sequence[str]) -> list[str]:
    """Join the classes of `--classes 0 2` with commas, unless no source would remain."""
    words = list(words)
    if "--classes" not in words:
        return words
    start = words.index("--classes") + 1
    end = start + 1
    while end < len(words) and _may_be_class(words[end]):
        end += 1
    others = [word for word in words[: start - 1] + words[end:] if not word.startswith("-")]
    if not others:
        return words
    return [*words[:start], ",".join(words[start:end]), *words[end:]]


def _may_be_class(word: str) -> bool:
    return bool(re.fullmatch(r"[\w ,]+", word)) and not os.path.exists(word)


def to_config(arguments: argparse.Namespace) -> Config:
    """Turn parsed arguments into a configuration: defaults, then --config, options, then --set.

    Raises:
        ConfigError: a key, value or file is wrong.
        WeightsError: the preset names a model that is not on this machine.
    """
    overrides: dict[str, Any] = {}
    for dest, value in vars(arguments).items():
        if "." in dest:
            overrides.update(dict.fromkeys(dest.split(), value))
    overrides.update(parse_override(text) for text in arguments.set)
    config = load_config(arguments.config, overrides)
    if arguments.config and not os.path.isfile(arguments.config):
        for task in ("detector", "encoder"):
            if f"{task}.model" not in overrides:
                _check_present(task, getattr(config, task).model, arguments.config)
    return config


def _check_present(task: str, model: str, preset: str) -> None:
    """Check that the model of a preset needs no download.

    Raises:
        WeightsError: the model is not on this machine.
    """
    from reid_tracker import zoo

    manifest = zoo.load_manifest()
    entry = manifest.known(model.removesuffix(".pt"), task)
    if entry is None or os.path.exists(model) or zoo.locate(entry, manifest) is not None:
        return
    raise WeightsError(
        f"--config {preset} needs the {task} {entry.name}, which is not on this machine; get it "
        f"with `reid-track weights pull {entry.name}`, or choose another with --{task}"
    )
