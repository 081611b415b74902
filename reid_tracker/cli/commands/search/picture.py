"""The person that a search asks for: found in a picture or a frame of a video, and embedded."""

from __future__ import annotations

import argparse
import logging
import re
from pathlib import Path

import numpy as np

from reid_tracker.arrays import Float32Array
from reid_tracker.config import DetectorConfig, EncoderConfig
from reid_tracker.config.checked import shown
from reid_tracker.detect import Detector, build_detector
from reid_tracker.encode import Encoder, build_encoder
from reid_tracker.encode.fingerprint import model_fingerprint
from reid_tracker.errors import ConfigError, InputError
from reid_tracker.types import Boxes, ImageBGR

_TIME = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d+)?)")

_log = logging.getLogger(__name__)


def embed_query(arguments: argparse.Namespace) -> tuple[Float32Array, str]:
    """Return the (D,) unit embedding of the person meant, and the hash of the model that made it.

    Raises:
        ConfigError: there is no such picture.
        InputError: it shows several people, and none is chosen.
        WeightsError: a model is missing.
    """
    image = read_query(arguments.query)
    config = EncoderConfig(model=arguments.encoder, device=arguments.device)
    model = model_fingerprint(config)
    detector = None if arguments.whole else build_query_detector(arguments)
    return embed_person(image, arguments, detector, build_encoder(config)), model


def build_query_detector(arguments: argparse.Namespace) -> Detector:
    """Build the detector that the command line names."""
    return build_detector(DetectorConfig(model=arguments.detector, device=arguments.device))


def embed_person(
    image: ImageBGR, arguments: argparse.Namespace, detector: Detector | None, encoder: Encoder
) -> Float32Array:
    """Embed the person meant in a picture.

    Args:
        image: (H, W, 3) uint8 BGR.
        arguments: for --person.
        detector: None takes the whole picture.
        encoder: makes the embedding.

    Returns:
        (D,) float32 of length 1.
    """
    whole = np.array([[0, 0, image.shape[1], image.shape[0]]], np.float32)
    boxes = whole
    if detector is not None:
        found = detector.detect_batch([image], [0])[0].boxes
        if len(found):
            boxes = _chosen(found, arguments.person)
        else:
            _log.warning("nobody was detected in %s: the whole of it is taken", arguments.query)
    row: Float32Array = encoder.encode(image, boxes)[0]
    return row


def _chosen(boxes: Boxes, person: int | None) -> Boxes:
    """Return the (1, 4) box of the person meant; people are counted from the left."""
    boxes = boxes[np.argsort(boxes[:, 0], kind="stable")]
    if person is not None:
        if not 1 <= person <= len(boxes):
            raise ConfigError(f"--person {person}: expected 1 to {len(boxes)}, as many are seen")
        return boxes[person - 1 : person]
    if len(boxes) > 1:
        places = "; ".join(
            f"{number}: {', '.join(f'{value:.0f}' for value in box)}"
            for number, box in enumerate(boxes[:12].tolist(), 1)
        )
        raise InputError(
            f"{len(boxes)} people are in the picture (left, top, right, bottom: {places}); choose "
            "one with --person N"
        )
    return boxes


def read_query(query: str) -> ImageBGR:
    """Read a picture, or the frame of a video that "VIDEO@TIME" names.

    Raises:
        ConfigError: the file does not exist, or the time is malformed.
        InputError: it cannot be read, or the video ends before.
    """
    path = Path(query)
    if path.is_file():
        from reid_tracker.cli.reid_data import read_picture

        return read_picture(path)
    name, at, time = query.rpartition("@")
    match = _TIME.fullmatch(time) if at else None
    if match is None or not Path(name).is_file():
        raise ConfigError(
            f"'{shown(query, str)}': no such file; expected a picture, VIDEO@TIME such as "
            "cam1.mp4@0:35, or the number of an identity"
        )
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return _frame_at(name, 3600 * hours + 60 * minutes + seconds)


def _frame_at(name: str, time_s: float) -> ImageBGR:
    from reid_tracker.video import open_source

    last_s = 0.0
    with open_source(name) as source:
        for frame in source:
            # The frame on the screen at that time.
            last_s = frame.timestamp_s
            if last_s >= time_s - 1e-3:
                return frame.image
    raise InputError(f"{name} ends after {last_s:.1f} s, before {time_s:g} s")
