"""Sheets of search results: images in their order, their texts, and images that are damaged."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from reid_tracker.errors import InputError
from reid_tracker.explain.found import Found, found_sheet
from tests.explain.run_samples import texts


def encoded(blue: int, green: int, red: int) -> bytes:
    image = np.full((20, 10, 3), (blue, green, red), np.uint8)
    return cv2.imencode(".png", image)[1].tobytes()


def test_results_are_shown_in_their_order_with_their_lines() -> None:
    found = [Found(encoded(250, 20, 10), ("person 1", "door"))] * 9
    found.append(Found(encoded(10, 20, 250), ("person 2",)))
    sheet = found_sheet(found, title="Search", caption="Who was where.")
    pixels = sheet.pixels()
    assert (pixels == (10, 20, 250)).all(axis=2).sum() == 9 * 192 * 96
    rows, columns = np.nonzero((pixels == (250, 20, 10)).all(axis=2))
    assert len(rows) == 192 * 96
    assert rows.min() > 192 + 24, "the tenth result is in the second row"
    assert columns.max() - columns.min() == 95
    assert texts(sheet).count("person 1") == 9
    assert texts(sheet)[:2] == ["Search", "Who was where."]


@pytest.mark.parametrize("picture", [b"", b"not an image"])
def test_damaged_images_and_no_results(picture: bytes) -> None:
    with pytest.raises(InputError, match="cannot be decoded; leave out --sheet"):
        found_sheet([Found(picture, ())], title="", caption="")
    with pytest.raises(InputError, match="no pictures to draw"):
        found_sheet([], title="", caption="")


def test_the_query_comes_first_and_no_picture_is_stretched() -> None:
    wide = np.full((10, 40, 3), (10, 20, 250), np.uint8)
    found = [Found(cv2.imencode(".png", wide)[1].tobytes(), ("person 2",))]
    query = np.full((40, 10, 3), (250, 20, 10), np.uint8)
    sheet = found_sheet(found, title="Search", caption="Who was where.", query=query)
    pixels = sheet.pixels()  # RGB
    places = [
        np.nonzero((pixels == colour).all(axis=2)) for colour in ((10, 20, 250), (250, 20, 10))
    ]
    sizes = [[int(np.ptp(side)) + 1 for side in place] for place in places]
    assert sizes == [[192, 48], [24, 96]]
    assert places[0][1].max() < places[1][1].min()
    assert texts(sheet).count("query") == 1


def test_a_picture_that_claims_too_much_is_refused_by_its_header() -> None:
    claims = b"\xff\xd8\xff\xc0\x00\x11\x08" + (32000).to_bytes(2, "big") * 2 + bytes(600)
    with pytest.raises(InputError, match="32000 x 32000 pixels"):
        found_sheet([Found(claims, ())], title="", caption="")
