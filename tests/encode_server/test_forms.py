"""Pictures are counted before they are decoded."""

from __future__ import annotations

import numpy as np
import pytest
from fastapi import HTTPException

from reid_tracker.encode_server import forms
from reid_tracker.encode_server.limits import RequestLimits
from tests.encode_server.samples import picture


def test_pixels_are_counted_by_the_headers_alone() -> None:
    whole, head = picture(0, 0, 0, (30, 40)), picture(0, 0, 0, (5, 6))[:33]
    assert forms.count_pixels([whole, head], RequestLimits()) == 30 * 40 + 5 * 6
    with pytest.raises(HTTPException, match="1,200 pixels, at most 1,000") as caught:
        forms.count_pixels([whole], RequestLimits(pixels=1000))
    assert caught.value.status_code == 413


@pytest.mark.parametrize("start", [b"GIF89a", b"II*\0", b"BM", b"P6 1 1 255\n"])
def test_pictures_of_rare_formats_are_not_read(start: bytes) -> None:
    with pytest.raises(HTTPException, match="not a JPEG, PNG or WebP"):
        forms.count_pixels([start + bytes(100)], RequestLimits())


def test_pictures_are_decoded_as_bgr_and_a_box_covers_each() -> None:
    images = forms.decode([picture(1, 2, 3, (4, 5))])
    assert images[0][0, 0].tolist() == [1, 2, 3]
    (box,) = forms.whole(images)
    np.testing.assert_array_equal(box, [[0, 0, 5, 4]])
    with pytest.raises(HTTPException, match="picture 1: it is damaged"):
        forms.decode([picture(1, 2, 3), picture(1, 2, 3)[:40]])
