"""The query of a search: finds a person in a picture or a video frame, and encodes them."""

from __future__ import annotations

import argparse
import logging
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from reid_tracker.arrays import Float32Array
from reid_tracker.config import DetectorConfig, EncoderConfig
from reid_tracker.config.checked import shown
from reid_tracker.detect import Detector, build_detector
from reid_tracker.encode import build_encoder
from reid_tracker.encode.fingerprint import model_fingerprint
from reid_tracker.errors import ConfigError, InputError
from reid_tracker.geometry import cover_matrix
from reid_tracker.match.gallery.store import GalleryStore, check_gallery
from reid_tracker.types import Boxes, ImageBGR

_TIME = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d+)?)")

_log = logging.getLogger(__name__)


# Limits for a picture that is filled by one person: part of each smaller box inside the largest
# one, part of the picture's width or area that the largest box takes, and height divided by width.
_PART_INSIDE, _PART_OF_WIDTH, _PART_OF_PICTURE, _UPRIGHT = 0.7, 0.6, 0.7, 1.4
_CROP_WIDTH = 256  # camera images are wider


class Query(NamedTuple):
    """The person who is searched for.

    Attributes:
        embedding: (D,) float32 of length 1.
        model: embedding space, see `SightingRecord`.
        picture: (H, W, 3) uint8 BGR.
    """

    embedding: Float32Array
    model: str
    picture: ImageBGR


def embed_query(arguments: argparse.Namespace, store: GalleryStore) -> Query:
    """Find the chosen person in a picture or a video frame, and encode them for a gallery.

    Raises:
        ConfigError: there is no such picture.
        ModelMismatchError: the gallery holds embeddings of another encoder.
        InputError: the picture shows several people, and none is chosen.
        WeightsError: a model is missing.
    """
    place = _locate(arguments.query)
    config = EncoderConfig(model=arguments.encoder, device=arguments.device)
    model = model_fingerprint(config)
    check_gallery(store, model)
    image = _read(*place)
    detector = None if arguments.whole else build_query_detector(arguments)
    box = find_person(image, arguments, detector)
    left, top, right, bottom = box[0].round().astype(int).clip(0).tolist()
    embedding = build_encoder(config).encode(image, box)[0]
    return Query(embedding, model, image[top : max(bottom, top + 1), left : max(right, left + 1)])


def build_query_detector(arguments: argparse.Namespace) -> Detector:
    """Build the detector of the command line."""
    return build_detector(DetectorConfig(model=arguments.detector, device=arguments.device))


def find_person(image: ImageBGR, arguments: argparse.Namespace, detector: Detector | None) -> Boxes:
    """Return the (1, 4) float32 xyxy box of the chosen person.

    Args:
        image: (H, W, 3) uint8 BGR.
        arguments: the parsed arguments, with `person`.
        detector: detects people; None takes the whole picture.
    """
    whole = np.array([[0, 0, image.shape[1], image.shape[0]]], np.float32)
    if detector is None:
        return whole
    found = detector.detect_batch([image], [0])[0].boxes
    if not len(found):
        _log.warning("nobody was detected in %s; the whole picture is used", arguments.query)
        return whole
    if arguments.person is None and _is_filled(found, *image.shape[:2]):
        return whole
    return _chosen(found, arguments.person)


def _is_filled(boxes: Boxes, height: int, width: int) -> bool:
    """Return whether one person fills the picture; a detector often finds only a part of them.

    This is so if the largest box contains all others and takes most of the picture, or if the
    picture is upright and either narrow or hardly wider than the box.
    """
    sizes = boxes[:, 2:] - boxes[:, :2]
    largest = int(sizes.prod(axis=1).argmax())
    if (cover_matrix(boxes)[largest] < _PART_INSIDE).any():
        return False
    narrow = width <= _CROP_WIDTH or sizes[largest, 0] >= _PART_OF_WIDTH * width
    upright = height >= _UPRIGHT * width and narrow
    return bool(upright or sizes[largest].prod() >= _PART_OF_PICTURE * height * width)


def _chosen(boxes: Boxes, person: int | None) -> Boxes:
    """Return the (1, 4) box of the chosen person; people are counted from the left."""
    boxes = boxes[np.argsort(boxes[:, 0], kind="stable")]
    if person is not None:
        if not 1 <= person <= len(boxes):
            raise ConfigError(
                f"--person {person}: expected 1 to {len(boxes)}, the number of detected people"
            )
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
    """Read a picture, or a video frame given as "VIDEO@TIME".

    Raises:
        ConfigError: the file does not exist, or the time is malformed.
        InputError: the file cannot be read, or the video ends earlier.
    """
    return _read(*_locate(query))


def _locate(query: str) -> tuple[Path, float | None]:
    """Return the file of a query, and the time in seconds for a video."""
    path = Path(query)
    if path.is_file():
        return path, None
    name, at, time = query.rpartition("@")
    match = _TIME.fullmatch(time) if at else None
    if match is None or not Path(name).is_file():
        raise ConfigError(
            f"'{shown(query, str)}': no such file; expected a picture, VIDEO@TIME such as "
            "cam1.mp4@0:35, or the number of an identity"
        )
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return Path(name), 3600 * hours + 60 * minutes + seconds


def _read(path: Path, time_s: float | None) -> ImageBGR:
    if time_s is None:
        from reid_tracker.video.images import read_picture

        return read_picture(path)
    from reid_tracker.video import open_source

    last_s = 0.0
    with open_source(str(path)) as source:
        for frame in source:
            # The first frame at or after that time.
            last_s = frame.timestamp_s
            if last_s >= time_s - 1e-3:
                return frame.image
    raise InputError(f"{path} ends after {last_s:.1f} s, before {time_s:g} s")
