"""Embeddings that the tracker asks for, instead of those of all detections."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from reid_tracker.arrays import IntArray
from reid_tracker.config import DeepSortConfig
from reid_tracker.errors import InputError
from reid_tracker.track import DeepSort
from reid_tracker.types import Detections, Embeddings
from tests.examples import examples
from tests.track.scenes import SceneOptions, looks, person, random_scene, seen

ANNA, BERT = person(200), person(600)


class Encoder:
    """Gives the embeddings of the rows that it is asked for, and remembers the calls."""

    def __init__(self, embeddings: Embeddings) -> None:
        self.embeddings = embeddings
        self.calls: list[list[int]] = []

    def __call__(self, rows: IntArray) -> Embeddings:
        self.calls.append(rows.tolist())
        return self.embeddings[rows]


def asked(tracker: DeepSort, detections: Detections, *identities: int) -> list[list[int]]:
    """Return the calls of the encoder in the next frame."""
    encoder = Encoder(looks(*identities))
    tracker.update(detections, encoder)
    return encoder.calls


@settings(max_examples=examples(10), deadline=None, derandomize=True, phases=[Phase.generate])
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.1]))
def test_a_function_gives_the_tracks_of_the_array(seed: int, zero_rate: float) -> None:
    options = SceneOptions(frames=30, zero_rate=zero_rate)
    lazy, eager = DeepSort(DeepSortConfig(encode="always")), DeepSort()
    for frame in random_scene(np.random.default_rng(seed), options):
        assert frame.embeddings is not None
        encoder = Encoder(frame.embeddings)
        tracks = lazy.update(frame.detections, encoder, frame.timestamp_s)
        same = eager.update(frame.detections, frame.embeddings, frame.timestamp_s)
        np.testing.assert_array_equal(tracks.ids, same.ids)
        np.testing.assert_array_equal(tracks.boxes, same.boxes)
        np.testing.assert_array_equal(tracks.detection_index, same.detection_index)
        usable = np.flatnonzero(frame.detections.scores >= np.float32(0.3)).tolist()
        assert encoder.calls == ([usable] if usable else [])


def test_weak_detections_and_empty_frames_are_not_asked_for() -> None:
    tracker = DeepSort()
    detections = seen(ANNA, BERT)
    detections.scores[0] = 0.1
    assert asked(tracker, detections, 0, 1) == [[1]]
    assert asked(tracker, seen()) == []


def followed(*boxes: tuple[float, float, float, float], every_s: float = 1.0) -> DeepSort:
    """Return a tracker that has seen people of different looks for ten frames."""
    tracker = DeepSort(DeepSortConfig(encode=f"every:{every_s}"))
    for _ in range(10):
        tracker.update(seen(*boxes), looks(*range(len(boxes))))
    return tracker


def test_who_is_alone_is_encoded_once_in_a_while() -> None:
    tracker = followed(ANNA, BERT, every_s=0.31)
    calls = [asked(tracker, seen(ANNA, BERT), 0, 1) for _ in range(20)]
    assert calls == [[] if frame % 10 != 9 else [[0, 1]] for frame in range(20)]


@pytest.mark.parametrize(
    ("boxes", "rows"),
    [
        ([ANNA, BERT, person(1000)], [[2]]),  # somebody new
        ([ANNA, BERT, person(230)], [[0, 2]]),  # beside Anna
        ([ANNA, person(580)], [[1]]),  # Bert, not where he was expected
        ([ANNA, BERT], []),
    ],
)
def test_who_is_new_contested_or_displaced_is_encoded(
    boxes: list[tuple[float, float, float, float]], rows: list[list[int]]
) -> None:
    assert asked(followed(ANNA, BERT), seen(*boxes), 0, 1, 2) == rows


def test_who_was_out_of_sight_or_is_tentative_is_encoded() -> None:
    tracker = followed(ANNA, BERT)
    assert asked(tracker, seen(ANNA), 0) == []
    assert asked(tracker, seen(ANNA, BERT), 0, 1) == [[1]]
    third = person(1000)
    for _ in range(10):
        assert asked(tracker, seen(ANNA, third), 0, 2) == [[1]]
    assert asked(tracker, seen(ANNA, third), 0, 2) == []


def test_a_lone_pair_stays_together_without_an_embedding() -> None:
    tracker = followed(ANNA, BERT)
    tracks = tracker.update(seen(BERT, ANNA), Encoder(looks(0, 0)))
    assert tracks.ids.tolist() == [1, 2]
    assert tracks.detection_index.tolist() == [1, 0]


def test_everybody_is_encoded_when_the_picture_changes_its_size() -> None:
    tracker = DeepSort(DeepSortConfig(encode="every:9", camera_motion=False))
    for _ in range(5):
        tracker.update(seen(ANNA), looks(0), frame=np.zeros((720, 1280, 3), np.uint8))
    encoder = Encoder(looks(0))
    tracker.update(seen(ANNA), encoder, frame=np.zeros((360, 640, 3), np.uint8))
    assert encoder.calls == [[0]]


def fails(rows: IntArray) -> Embeddings:
    raise RuntimeError("the encoder failed")


@pytest.mark.parametrize(
    ("encode", "error", "message"),
    [
        (fails, RuntimeError, "the encoder failed"),
        (lambda rows: looks(0, 0), InputError, r"\(2, 8\), expected \(1, D\)"),
        (lambda rows: np.ones((1, 9), np.float32), InputError, "9 columns"),
    ],
)
def test_a_failing_function_changes_nothing(
    encode: Callable[[IntArray], Embeddings], error: type[Exception], message: str
) -> None:
    """Not even the camera's motion is lost: it is made up for in the next frame."""
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (40, 80, 3)).astype(np.uint8)
    ground = np.repeat(np.repeat(coarse, 10, axis=0), 10, axis=1)
    pictures = [np.ascontiguousarray(ground[:, left : left + 640]) for left in (0, 20, 40)]
    ends = []
    for failing in (False, True):
        tracker = DeepSort()
        for _ in range(5):
            tracker.update(seen(person(300, 200)), looks(0), frame=pictures[0])
        if failing:
            with pytest.raises(error, match=message):
                tracker.update(seen(person(280, 200)), encode, frame=pictures[1])
        tracks = tracker.update(seen(person(260, 200)), looks(0), frame=pictures[2])
        ends.append(tracks)
    assert ends[0].ids.tolist() == ends[1].ids.tolist() == [1]
    np.testing.assert_allclose(ends[0].boxes, ends[1].boxes, atol=1.0)
    np.testing.assert_array_equal(ends[0].ages_s, ends[1].ages_s)
