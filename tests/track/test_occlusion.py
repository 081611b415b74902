"""Who hides whom, against loops over pairs."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from reid_tracker.track import DeepSort
from reid_tracker.track.occlusion import feet_hidden, hidden_part, slivers
from tests.examples import examples
from tests.oracles.deepsort_plain import PlainDeepSort, PlainOptions
from tests.track.scenes import looks, person, seen

some = settings(max_examples=examples(40), deadline=None, derandomize=True)
NOTHING = np.empty((0, 4))


def random_boxes(generator: np.random.Generator, count: int) -> np.ndarray:
    corner = generator.uniform(0, 100, (count, 2))
    return np.concatenate([corner, corner + generator.uniform(5, 80, (count, 2))], axis=1)


@some
@given(seed=st.integers(0, 2**32 - 1))
def test_hidden_part_equals_the_plain_one(seed: int) -> None:
    generator = np.random.default_rng(seed)
    boxes, visible = random_boxes(generator, 5), random_boxes(generator, 6)
    plain = PlainDeepSort(PlainOptions())
    hidden = hidden_part(boxes, visible) >= 0.5
    assert hidden.tolist() == [any(plain.hides(front, box) for front in visible) for box in boxes]


def test_somebody_behind_hides_nobody() -> None:
    near, far = np.array([person(200, 400)]), np.array([person(200, 300)])
    assert hidden_part(far, near)[0] > 0.3
    assert hidden_part(near, far)[0] == 0
    assert hidden_part(far, NOTHING).tolist() == [0]


def test_feet_are_hidden_by_who_covers_the_lower_edge_and_ends_below_it() -> None:
    upper_body = np.array([(100.0, 100.0, 160.0, 200.0)])
    for other, expected in (
        ((110.0, 150.0, 170.0, 300.0), True),
        ((140.0, 150.0, 200.0, 300.0), False),  # beside
        ((100.0, 210.0, 160.0, 300.0), False),  # begins below
        ((100.0, 100.0, 160.0, 203.0), False),  # ends with it
    ):
        assert feet_hidden(upper_body, np.array([other]))[0] == expected
    assert not feet_hidden(upper_body, upper_body).any()
    assert feet_hidden(NOTHING, upper_body).shape == (0,)
    assert feet_hidden(upper_body, NOTHING).tolist() == [False]


def test_slivers_end_at_a_side_of_the_picture_and_are_narrow() -> None:
    boxes = np.array(
        [
            (0.0, 100.0, 25.0, 200.0),
            (615.0, 100.0, 640.0, 200.0),
            (300.0, 100.0, 325.0, 200.0),  # narrow, inside
            (0.0, 100.0, 35.0, 200.0),  # wide enough for a person from the side
        ]
    )
    assert slivers(boxes, 640.0).tolist() == [True, True, False, False]
    assert slivers(NOTHING, 640.0).shape == (0,)


def test_a_person_behind_another_keeps_their_height() -> None:
    tracker = DeepSort()
    whole, front = person(200, 300), person(215, 390)
    for _ in range(10):
        tracker.update(seen(whole, person(600, 390)), looks(0, 1))
    left, top, right, bottom = whole
    cut = (left, top, right, bottom - 50)
    for _ in range(10):
        tracks = tracker.update(seen(cut, front, person(600, 390)), looks(0, 2, 1))
    row = tracks.ids.tolist().index(1)
    np.testing.assert_allclose(tracks.boxes[row], whole, atol=1)
    # Nobody stands in front: the person is as tall as the box, after a crouch for example.
    for _ in range(40):
        tracks = tracker.update(seen(cut, person(600, 390)), looks(0, 1))
    np.testing.assert_allclose(tracks.boxes[0], cut, atol=2)
