"""The part of a query picture that shows the person."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from reid_tracker.cli.commands.search.picture import find_person, read_query
from reid_tracker.errors import ConfigError, InputError


def seen(boxes: Sequence[Sequence[float]], size: tuple[int, int], person: int | None = None) -> Any:
    """Return the chosen box of a (height, width) picture with these detections."""
    found = np.array(boxes, np.float32).reshape(-1, 4)
    detector: Any = SimpleNamespace(detect_batch=lambda *_: [SimpleNamespace(boxes=found)])
    arguments = argparse.Namespace(person=person, query="who.png")
    box = find_person(np.zeros((*size, 3), np.uint8), arguments, detector)
    assert box.shape == (1, 4)
    return box[0].tolist()


@pytest.mark.parametrize(
    ("boxes", "size"),
    [
        ([[4, 2, 60, 70]], (128, 64)),  # the upper half of a crop
        ([[20, 5, 44, 30]], (128, 64)),  # a head
        ([[30, 10, 260, 320]], (800, 300)),
        ([[4, 2, 60, 100], [20, 2, 40, 22]], (128, 64)),  # a person, and the same person's head
        ([[10, 5, 195, 148]], (150, 200)),  # a sitting person
        ([], (480, 640)),
    ],
)
def test_a_picture_that_one_person_fills_is_taken_whole(
    boxes: list[list[float]], size: tuple[int, int]
) -> None:
    assert seen(boxes, size) == [0, 0, size[1], size[0]]


@pytest.mark.parametrize(
    ("box", "size"),
    [
        ([100.0, 50.0, 160.0, 230.0], (480, 640)),
        ([300.0, 600.0, 500.0, 1200.0], (1920, 1080)),  # a street, upright
    ],
)
def test_a_person_in_a_larger_picture_is_cut_out(box: list[float], size: tuple[int, int]) -> None:
    assert seen([box], size) == box


def test_two_people_in_a_crop_must_be_told_apart() -> None:
    boxes = [[34.0, 0, 60, 120], [2.0, 0, 30, 126]]
    with pytest.raises(InputError, match="2 people are in the picture"):
        seen(boxes, (128, 64))
    assert seen(boxes, (128, 64), person=2) == boxes[0]
    with pytest.raises(ConfigError, match="--person 3: expected 1 to 2"):
        seen(boxes, (128, 64), person=3)


def test_the_detected_box_can_be_asked_for() -> None:
    assert seen([[4, 2, 60, 70]], (128, 64), person=1) == [4, 2, 60, 70]


def test_queries_that_cannot_be_read(tmp_path: Path) -> None:
    picture = tmp_path / "who@home.png"
    cv2.imwrite(str(picture), np.zeros((8, 4, 3), np.uint8))
    assert read_query(str(picture)).shape == (8, 4, 3)
    with pytest.raises(ConfigError, match="expected a picture, VIDEO@TIME"):
        read_query(str(tmp_path / "none.mp4@1:00"))


def test_a_query_that_claims_too_much_is_refused_by_its_header(tmp_path: Path) -> None:
    data = cv2.imencode(".jpg", np.zeros((8, 8, 3), np.uint8))[1].tobytes()
    at = data.index(b"\xff\xc0") + 5
    picture = tmp_path / "who.jpg"
    picture.write_bytes(data[:at] + (32_000).to_bytes(2, "big") * 2 + data[at + 4 :])
    with pytest.raises(InputError, match="32000 x 32000 pixels"):
        read_query(str(picture))
