"""`reid-track export ENCODER`: writes an encoder as ONNX, OpenVINO or TensorRT, and measures it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from reid_tracker.cli.parser import Parser
from reid_tracker.cli.report import new_file
from reid_tracker.config import DetectorConfig, EncoderConfig
from reid_tracker.detect import build_detector
from reid_tracker.encode.base import Crops
from reid_tracker.errors import ConfigError, WeightsError
from reid_tracker.video import open_source

_MAX_CROPS = 400
_STRIDE = 5

_EXAMPLES = """\
examples:
  reid-track export osnet_x0_25_cuhk03 --format openvino
  reid-track export my.pth --format openvino --precision int8 --calibrate door.mp4
  reid-track export my.pth --format onnx --with-normalisation -o my_ultralytics.onnx
"""


def run(arguments: argparse.Namespace) -> int:
    """Write the file; print its accuracy and speed."""
    from reid_tracker.encode.export import LEAST_COSINE, check_export, export_encoder

    form, precision = arguments.format, arguments.precision
    check_export(form, precision, with_normalisation=arguments.with_normalisation)
    path = Path(arguments.output or _name(arguments))
    new_file(str(path), overwrite=arguments.overwrite)
    suffix = ".xml" if form == "openvino" else ".onnx"
    if path.suffix != suffix:
        raise ConfigError(f"--output {path}: expected a name that ends with {suffix}")
    config = EncoderConfig(model=arguments.encoder)
    crops = None if arguments.calibrate is None else _crops(arguments.calibrate, config)
    made = export_encoder(
        config, path, form, precision, crops, with_normalisation=arguments.with_normalisation
    )
    kind = "people" if made.real else "random images, since --calibrate is not given"
    before, after = made.milliseconds
    sys.stdout.write(
        f"{made.path}\n"
        f"cosine to the source: at least {made.cosine[0]:.6f}, mean {made.cosine[1]:.6f} "
        f"({made.checked} {kind})\n"
        f"speed on this machine: {after:.2f} ms a crop, the source {before:.2f}\n"
        f"embedding space: {made.space}\n"
    )
    if not made.same:
        raise WeightsError(
            f"{path}: its cosine to the source is not above {LEAST_COSINE[precision]}; the file is "
            "kept, but it is treated as another encoder"
        )
    if not made.real and precision != "fp32":
        sys.stderr.write(
            "the file is treated as another encoder, since it was not measured with images of "
            "people; add --calibrate\n"
        )
    return 0


def add_arguments(parser: Parser) -> None:
    """Add the arguments."""
    parser.description = (
        "Write an encoder in another format or precision, compare its embeddings with the "
        "source's, and measure its speed."
    )
    parser.epilog = _EXAMPLES
    parser.add_argument(
        "encoder", metavar="ENCODER", help="checkpoint, .onnx file, timm:NAME, or a known name"
    )
    parser.add_argument(
        "--format",
        default="onnx",
        metavar="FORMAT",
        help="onnx (default), openvino, or tensorrt: an engine for this GPU, not tested",
    )
    parser.add_argument(
        "--precision",
        default="fp32",
        metavar="PRECISION",
        help="fp32 (default), fp16, or int8, which needs pip install 'reid-tracker[export,onnx]'",
    )
    parser.add_argument(
        "--with-normalisation",
        action="store_true",
        help="make an ONNX file whose input is RGB from 0 to 1, for ultralytics",
    )
    parser.add_argument(
        "--calibrate",
        metavar="SOURCE",
        help="images of people, to calibrate int8 and to measure the accuracy: a video, in which "
        "people are detected, or a folder of person crops",
    )
    parser.add_argument(
        "--output",
        "-o",
        metavar="FILE",
        help="output file (default: ENCODER_PRECISION in the current folder)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace that file")


def _name(arguments: argparse.Namespace) -> str:
    stem = Path(arguments.encoder.partition("?")[0].removeprefix("timm:")).name
    stem = stem.removesuffix(".onnx").partition(".pt")[0]
    precision = "" if arguments.precision == "fp32" else f"_{arguments.precision}"
    ending = {"openvino": ".xml", "tensorrt": "_tensorrt.onnx"}.get(arguments.format, ".onnx")
    return f"{stem}{precision}{ending}"


def _crops(name: str, config: EncoderConfig) -> Crops:
    """Return crops of people: the images of a folder, or the detections in a video."""
    from reid_tracker.encode.export import network_size, read_crops
    from reid_tracker.encode.preprocess import cut_crops

    size = network_size(config)
    if Path(name).is_dir():
        return read_crops(Path(name), size)
    detector = build_detector(DetectorConfig())
    parts: list[Crops] = []
    with open_source(name, stride=_STRIDE) as source:
        for frame in source:
            boxes = detector.detect(frame.image).boxes
            parts.append(np.empty((len(boxes), *size, 3), np.uint8))
            cut_crops(frame.image, boxes, parts[-1])
            if sum(map(len, parts)) >= _MAX_CROPS:
                break
    crops = np.concatenate(parts) if parts else np.empty((0, *size, 3), np.uint8)
    if len(crops) < 8:
        raise ConfigError(
            f"--calibrate {name}: {len(crops)} people were detected, expected at least 8"
        )
    return crops
