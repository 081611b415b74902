"""Pictures that a camera host sends: the best so far, small, once, blurred on request."""

from __future__ import annotations

import cv2
import numpy as np

from reid_tracker.edge import SmallPictures
from reid_tracker.transport.wire.messages import MAX_PICTURE_BYTES
from reid_tracker.types import FrameResult, Tracks
from tests.sink.results import make_result


def seen(image: np.ndarray, number: int, score: float = 0.9) -> FrameResult:
    """A frame that one person almost fills."""
    height, width = image.shape[:2]
    tracks = Tracks(
        ids=np.array([7]),
        boxes=np.array([[10, 10, width - 10, height - 10]], np.float32),
        scores=np.array([score], np.float32),
        classes=np.zeros(1, np.int64),
        ages_s=np.zeros(1),
        observed=np.ones(1, np.bool_),
        detection_index=np.zeros(1, np.int64),
    )
    return make_result(number, tracks, image, number / 10)


def decoded(picture: bytes | None) -> np.ndarray:
    assert picture is not None
    return np.asarray(cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR))


def test_the_best_picture_is_returned_once_and_is_small() -> None:
    pictures = SmallPictures()
    stripes = np.zeros((820, 420, 3), np.uint8)
    stripes[::8] = 255
    pictures.write(seen(stripes, 0))
    picture = pictures.take("cam", 7)
    assert decoded(picture).shape == (160, 80, 3)
    assert picture is not None
    assert len(picture) <= MAX_PICTURE_BYTES
    pictures.write(seen(stripes, 1, score=0.8))
    assert pictures.take("cam", 7) is None


def test_pictures_too_large_for_a_message_are_made_smaller() -> None:
    pictures = SmallPictures()
    noise = np.random.default_rng(0).integers(0, 256, (320, 320, 3), np.uint8)
    pictures.write(seen(noise, 0))
    picture = pictures.take("cam", 7)
    assert 32 < max(decoded(picture).shape) < 160
    assert picture is not None
    assert len(picture) <= MAX_PICTURE_BYTES


def test_the_pictures_of_a_removed_camera_are_dropped() -> None:
    pictures = SmallPictures()
    pictures.write(seen(np.zeros((100, 100, 3), np.uint8), 0))
    pictures.forget("other")
    pictures.forget("cam")
    assert pictures.take("cam", 7) is None


def test_heads_are_blurred() -> None:
    image = np.zeros((180, 100, 3), np.uint8)
    image[10:40, 0::2] = 255
    shown, hidden = SmallPictures(), SmallPictures(blur_heads=True)
    for pictures in (shown, hidden):
        pictures.write(seen(image, 0))
    contrast = [decoded(one.take("cam", 7))[5:20].std() for one in (shown, hidden)]
    assert contrast[1] < 0.5 * contrast[0]
