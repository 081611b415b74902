"""The checks of images that all detectors share."""

from __future__ import annotations

import numpy as np
import pytest

from reid_tracker.detect.base import check_batch
from reid_tracker.errors import InputError

IMAGE = np.zeros((4, 6, 3), np.uint8)


def test_sound_images_pass_with_and_without_indices() -> None:
    check_batch([], None)
    check_batch([IMAGE, IMAGE], None)
    check_batch([IMAGE, IMAGE], [7, 9])


def test_an_image_of_another_type_is_refused() -> None:
    with pytest.raises(InputError, match=r"float64 .* expected uint8"):
        check_batch([IMAGE, IMAGE.astype(float)], None)


def test_indices_must_be_as_many_as_images() -> None:
    with pytest.raises(InputError, match="2 images but 1 frame indices"):
        check_batch([IMAGE, IMAGE], [3])
