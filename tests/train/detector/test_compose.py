from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from reid_tracker.train.detector.compose import Composer, _Scene
from reid_tracker.train.detector.cutouts import Cutout
from reid_tracker.train.detector.pictures import Picture
from reid_tracker.train.detector.recipe import PictureRecipe
from tests.train.detector.samples import (
    BRIGHT,
    DARK,
    block_cutout,
    blocks,
    bright,
    some_pictures,
)

SIDE = 96
NOBODY = np.empty((0, 4), np.float32)


def composer(
    pictures: list[Picture], cutouts: list[Cutout] | None = None, seed: int = 0, **options: Any
) -> Composer:
    options = {"side_px": SIDE, "min_height_px": 24, "max_height_px": 80, **options}
    recipe = PictureRecipe(**options)
    return Composer(recipe, pictures, cutouts or [], np.random.default_rng(seed))


def compose(count: int, maker: Composer) -> list[Picture]:
    return [maker.compose() for _ in range(count)]


def one_person(height: int = 60) -> Picture:
    """A picture so large that a window of it always fills the square."""
    return blocks(600, 600, [(280, 280, 280 + height // 2, 280 + height)])


@pytest.mark.parametrize("composed", [0.0, 1.0])
def test_shape_and_boxes_inside(composed: float) -> None:
    maker = composer(some_pictures(8), [block_cutout()], composed=composed)
    made = compose(40, maker)
    assert sum(len(picture.boxes) for picture in made) > 20
    for image, boxes in ((picture.image, picture.boxes) for picture in made):
        assert image.shape == (SIDE, SIDE, 3)
        assert image.dtype == np.uint8
        assert image.flags.c_contiguous
        assert boxes.dtype == np.float32
        assert boxes.shape == (len(boxes), 4)
        assert boxes.min(initial=0) >= 0
        assert boxes.max(initial=0) <= SIDE
        assert (boxes[:, 2:] - boxes[:, :2] >= 4).all()


def test_the_seed_decides() -> None:
    first, again, other = (
        compose(10, composer(some_pictures(8), [block_cutout()], seed)) for seed in (1, 1, 2)
    )
    for one, two in zip(first, again, strict=True):
        assert np.array_equal(one.image, two.image)
        assert np.array_equal(one.boxes, two.boxes)
    assert any(not np.array_equal(a.image, b.image) for a, b in zip(first, other, strict=True))


def test_boxes_move_with_the_pixels() -> None:
    source = one_person()
    source.image[280:340, 295:310] = 190  # the right half is darker, which tells flips apart
    darker_left = labelled = 0
    heights = []
    for picture in compose(80, composer([source], composed=0.0)):
        y, x = np.nonzero(bright(picture.image))
        if not len(picture.boxes):
            assert len(x) <= 0.4 * 80 * 40, "hardly anything of the person is seen"
            continue
        (box,) = picture.boxes
        seen = [x.min(), y.min(), x.max() + 1, y.max() + 1]
        assert box == pytest.approx(seen, abs=4)
        left, top, right, bottom = np.rint(box).astype(int)
        heights.append(bottom - top)
        middle = (left + right) // 2
        if left > 0 and right < SIDE:
            labelled += 1
            means = picture.image[top:bottom, left:middle], picture.image[top:bottom, middle:right]
            darker_left += int(means[0].mean() < means[1].mean())
    assert 0.25 * labelled < darker_left < 0.75 * labelled, "half of them are flipped"
    assert np.percentile(heights, 90) > 2 * np.percentile(heights, 10), "scales differ"


def test_people_of_small_pictures_are_not_blown_up() -> None:
    source = blocks(600, 600, [(290, 290, 296, 302)])
    for picture in compose(20, composer([source], composed=0.0, min_height_px=70)):
        assert (picture.boxes[:, 3] - picture.boxes[:, 1] <= 24).all()


def test_pasted_people_are_labelled() -> None:
    maker = composer(
        [blocks(300, 300, [])], [block_cutout()], composed=1.0, most_pasted=3, distractors=0.0
    )
    made = compose(60, maker)
    counts = [len(picture.boxes) for picture in made]
    assert max(counts) <= 3
    assert min(counts) == 0
    assert sum(counts) > 30
    for picture in made:
        for left, top, right, bottom in np.rint(picture.boxes).astype(int).tolist():
            if min(right - left, bottom - top) >= 10:
                assert bright(picture.image)[top:bottom, left:right].mean() > 0.8


def test_distractors_have_no_label() -> None:
    empty = [blocks(300, 300, []), Picture(np.full((300, 300, 3), BRIGHT, np.uint8), NOBODY)]
    options: dict[str, Any] = {"composed": 1.0, "most_pasted": 1, "distractors": 30.0}
    made = compose(20, composer(empty, [block_cutout()], **options))
    assert max(len(picture.boxes) for picture in made) <= 1
    nobody = [picture.image for picture in made if not len(picture.boxes)]
    assert nobody
    assert all(image.std() > 20 for image in nobody), "things are there all the same"


def test_distractors_are_taken_beside_people() -> None:
    everywhere = Picture(
        np.full((200, 200, 3), BRIGHT, np.uint8), np.array([[0, 0, 200, 200]], np.float32)
    )
    cutout = Cutout(np.full((60, 25, 3), DARK, np.uint8), np.ones((60, 25), np.float32))
    maker = composer([everywhere], [cutout])
    for _ in range(10):
        assert (maker._distractor(cutout).image == 128).all(), "nothing but people: plain grey"


def test_tiny_sources() -> None:
    tiny = [blocks(5, 6, []), blocks(5, 3, [(0, 0, 2, 5)])]
    for picture in compose(30, composer(tiny, [block_cutout(8, 3)], composed=1.0)):
        assert picture.image.shape == (SIDE, SIDE, 3)


def scene() -> _Scene:
    return _Scene(np.full((SIDE, SIDE, 3), DARK, np.uint8))


def test_hidden_people_lose_their_label() -> None:
    place = scene()
    place.paste(block_cutout(), 40, 80, 50, person=True)
    assert place.people().tolist() == [[30, 30, 51, 80]]
    place.paste(block_cutout(), 52, 80, 50, person=True)
    assert len(place.people()) == 2, "half of the first is seen"
    place.paste(block_cutout(), 46, 82, 60, person=False)
    assert len(place.people()) == 0, "both are behind something that is no person"


def test_people_behind_a_window_lose_their_label() -> None:
    place = scene()
    assert place.add_window(blocks(SIDE, SIDE, [(10, 10, 30, 60)]), (0, 0)) == 1.0
    assert len(place.people()) == 1
    place.add_window(blocks(SIDE, 40, [(5, 20, 20, 60)]), (0, 0))
    assert place.people().tolist() == [[5, 20, 20, 60]]
    assert np.array_equal(bright(place.image), bright(blocks(SIDE, SIDE, [(5, 20, 20, 60)]).image))


def test_people_beyond_the_border() -> None:
    place = scene()
    place.paste(block_cutout(), -30, 50, 40, person=True)
    assert len(place.people()) == 0, "beside the picture"
    place.paste(block_cutout(), 50, 60, 80, person=True)
    assert place.people().tolist() == [[34, 0, 67, 60]], "clipped"
    place.paste(block_cutout(), 50, 10, 80, person=True)
    assert len(place.people()) == 1, "only the feet can be seen"


def test_a_cutout_covers_its_outline_only() -> None:
    place = scene()
    cutout = block_cutout(60, 30)
    cutout.alpha[:, :15] = 0
    place.paste(cutout, 45, 80, 60, person=True)
    seen = bright(place.image)
    assert not seen[20:80, 30:44].any()
    assert seen[20:80, 46:60].all()
