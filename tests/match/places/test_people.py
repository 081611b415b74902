"""What of a camera's boxes is used to find the ground."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reid_tracker.match.places.people import Glimpses, People, meetings


def people(times: Sequence[float], ids: list[int], boxes: Sequence[Sequence[float]]) -> People:
    array = np.array(boxes, np.float64).reshape(-1, 4)
    return People(100, 100, np.array(times), np.array(ids, np.int64), array)


def test_feet_and_heights_are_in_picture_widths() -> None:
    one = people([0], [1], [[40, 20, 60, 75]])
    np.testing.assert_allclose(one.feet, [[0.0, 0.25]])
    np.testing.assert_allclose(one.tall, [0.55])


def test_only_whole_people_are_clear() -> None:
    seen = people(
        [0, 0, 0, 0, 1, 1],
        [1, 2, 3, 4, 1, 2],
        [
            [10, 10, 20, 40],
            [18, 12, 28, 42],  # covers a fifth of the first
            [50, 70, 60, 100],  # at the border
            [70, 10, 90, 20],  # wider than tall
            [10, 10, 20, 40],
            [19.5, 12, 29.5, 42],  # covers less than a tenth
        ],
    )
    assert seen.clear.tolist() == [False, False, False, False, True, True]


def test_a_glimpse_leaves_out_a_wrong_box() -> None:
    times = [0, 0.25, 0.5, 0.75, 1.0]
    boxes = [
        [40, 20, 60, 70],
        [41, 20, 61, 70],
        [42, 20, 62, 90],
        [43, 20, 63, 70],
        [0, 0, 1, 1],
    ]
    (person,), (time,), (feet,), (tall,) = people(times, [7] * 5, boxes).glimpses()
    assert person == 7
    assert time == 0.375
    np.testing.assert_allclose(feet, [0.015, 0.2])
    np.testing.assert_allclose(tall, 0.5)


def test_walks_are_straight_and_places_are_apart() -> None:
    x = np.array([0, 0.1, 0.2, 0.1, 0.0, 0.0, 0.0, 0.1, 0.2])
    ids = np.array([1, 1, 1, 1, 1, 1, 1, 2, 2])
    seen = Glimpses(ids, np.arange(9.0), np.stack([x, 0 * x], axis=1), np.full(9, 0.2))
    start, end = seen.walks()
    assert start.tolist() == [0, 2]
    assert end.tolist() == [2, 4]
    np.testing.assert_allclose(seen.walked().feet[:, 0], [0, 0.1, 0.2, 0.1, 0, 0.1, 0.2])


def test_meetings_are_of_one_person_and_one_time() -> None:
    box = [40, 20, 60, 75]
    a = people([0, 0, 1, 2], [1, 2, 1, 1], [box, [70, 20, 90, 75], box, box])
    b = people([0.1, 1.1, 2.9, 3.9], [1, 2, 1, 1], [box] * 4)
    assert meetings(a, b, 10).tolist() == [[0], [0]]
    b = people([0, 1, 2, 2], [1, 1, 2, 1], [box, box, box, [70, 20, 90, 75]])
    assert meetings(a, b, 10).tolist() == [[0, 2, 3], [0, 1, 3]]
    assert meetings(a, b, 2).shape == (2, 2)
    assert meetings(a, people([], [], []), 10).shape == (2, 0)
