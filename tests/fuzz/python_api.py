"""Fuzzes what Python programs pass: arrays, tensors, lists, shapes, types, NaN, and other objects.

    python -m tests.fuzz.python_api --minutes 5

Each property compares with plain Python on nested lists: the right result, or an InputError, and
the object works as before. Prints the number of calls; hypothesis prints an input that fails.
"""

from __future__ import annotations

import argparse
import datetime
import logging
import math
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from reid_tracker.config import DeepSortConfig
from reid_tracker.encode.pooled import PooledEncoder
from reid_tracker.errors import InputError, ReidTrackerError
from reid_tracker.evaluate import Labels, Samples
from reid_tracker.track import DeepSort
from reid_tracker.types import Detections, Tracks
from reid_tracker.video import open_source

calls = {"taken": 0, "refused": 0}
PROPERTIES: dict[str, tuple[Callable[..., None], tuple[st.SearchStrategy[Any], ...]]] = {}


def over(*inputs: st.SearchStrategy[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a property that holds for all inputs."""

    def register(prop: Callable[..., None]) -> Callable[..., None]:
        PROPERTIES[prop.__name__] = prop, inputs
        return prop

    return register


_LARGEST = float(np.finfo(np.float32).max)
STRANGE = [
    None, "boxes", b"boxes", {}, {1: 2}, {1, 2}, object(), 1j, datetime.timedelta(1), [None], ["1"],
    [[1, 2, 3, 4], [5]], [{}], np.array(["a"]), np.array(["2026"], "M8[s]"), np.zeros(3, "c8"),
    torch.ones(2, device="meta"), torch.ones(2, dtype=torch.complex64), range, np.zeros(2, "V4"),
    np.array([None, 1]), iter([1]), [1, "2"], [[[[]], 1]],
]  # fmt: skip

common = st.one_of(st.integers(0, 3), st.sampled_from([0.0, 0.25, 0.5, 1.0]))
numbers = st.one_of(
    common,
    common,
    st.sampled_from(
        [0.7, 90, -1, -0.5, 1.5, True, math.nan, math.inf, -math.inf, 1e30, 1e300, 2**63, 2**70]
    ),
    st.floats(width=32),
)


@st.composite
def arrays_of(draw: st.DrawFn, shape: tuple[int, ...], element: st.SearchStrategy[Any]) -> Any:
    """Return an array-like of a shape, of one of many types."""

    def nested(left: tuple[int, ...]) -> Any:
        return [nested(left[1:]) for _ in range(left[0])] if left else draw(element)

    rows = nested(shape)
    form = draw(st.sampled_from(FORMS))
    try:
        with np.errstate(all="ignore"):
            return form(rows)
    except (OverflowError, RuntimeError, TypeError, ValueError):
        return rows  # the type cannot hold these numbers


def _tuples(rows: Any) -> Any:
    return tuple(_tuples(row) for row in rows) if isinstance(rows, list) else rows


FORMS: list[Callable[[Any], Any]] = [
    lambda rows: rows,
    _tuples,
    np.array,
    *(
        lambda rows, t=t: np.array(rows, t)
        for t in ("f2", "f4", "f8", "i1", "u1", "i8", "u8", "O", "?")
    ),
    lambda rows: np.array(rows, order="F"),
    lambda rows: np.repeat(np.array(rows), 2, axis=0)[::2],
    *(
        lambda rows, t=t: torch.tensor(rows, dtype=t)
        for t in (
            torch.float16,
            torch.bfloat16,
            torch.float32,
            torch.float64,
            torch.int64,
            torch.bool,
        )
    ),
    lambda rows: torch.tensor(rows, dtype=torch.float32, requires_grad=True),
    lambda rows: [torch.tensor(row) for row in rows],
]


def plain(value: Any) -> Any:
    """Return an array-like as nested lists of Python numbers."""
    if isinstance(value, np.ndarray | torch.Tensor):
        return value.tolist()
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def flat(value: Any) -> list[Any]:
    return [one for item in value for one in flat(item)] if isinstance(value, list) else [value]


def shape_of(value: Any) -> tuple[int, ...]:
    return (len(value), *shape_of(value[0] if value else 0)) if isinstance(value, list) else ()


def held(numbers: list[Any], *, whole: bool) -> bool:
    """Return whether a column of floats, or of whole numbers, can hold these."""
    try:
        if whole:
            return all(float(x).is_integer() and -(2**63) <= x < 2**63 for x in numbers)
        return all(abs(float(x)) <= _LARGEST * (1 + 2**-25) for x in numbers)
    except (OverflowError, ValueError):
        return False


def right(boxes: Any, scores: Any, classes: Any) -> bool:
    """Return whether plain columns are detections."""
    boxes, scores, classes = plain(boxes), plain(scores), plain(classes)
    if not len(boxes):
        return not len(scores) and not len(classes)
    if shape_of(boxes) != (len(boxes), 4) or not (
        shape_of(scores) == shape_of(classes) == (len(boxes),)
    ):
        return False
    if not (held(flat(boxes), whole=False) and held(scores, whole=False)):
        return False
    single = np.array(boxes, np.float64).astype(np.float32)
    return (
        held(classes, whole=True)
        and all(0 <= np.float32(score) <= 1 + 1e-6 for score in scores)
        and bool((single[:, 2:] >= single[:, :2]).all())
    )


def attempt(call: Callable[[], Any]) -> Any:
    """Return the result, or None for a refusal in one line."""
    try:
        result = call()
    except InputError as error:
        calls["refused"] += 1
        if "\n" in str(error):
            raise AssertionError("more than one line") from error
        return None
    calls["taken"] += 1
    return result


@st.composite
def columns(draw: st.DrawFn) -> tuple[Any, Any, Any]:
    """Return boxes, scores and classes that are often right."""
    count = draw(st.integers(0, 3))
    good = draw(st.booleans())
    element = common if good else numbers
    lengths = [count if good or draw(st.booleans()) else draw(st.integers(0, 4)) for _ in range(3)]
    width = 4 if good or draw(st.booleans()) else draw(st.integers(0, 6))
    boxes = draw(arrays_of((lengths[0], width), element))
    score = st.sampled_from([0, 0.25, 1]) if good else numbers
    return boxes, draw(arrays_of((lengths[1],), score)), draw(arrays_of((lengths[2],), element))


@over(columns())
def detections_are_right_or_refused(given_columns: tuple[Any, Any, Any]) -> None:
    boxes, scores, classes = given_columns
    if not flat(plain(boxes)):  # anything empty is no boxes
        boxes = []
    got = attempt(lambda: Detections(boxes, scores, classes))
    assert (got is not None) == right(boxes, scores, classes)
    if got is not None and len(got):
        assert got.boxes.tolist() == np.array(plain(boxes), np.float64).astype(np.float32).tolist()
        assert got.classes.tolist() == [int(number) for number in plain(classes)]
        assert [row.classes[0] for row in got] == got.classes.tolist()
        table = [
            [*box, score, cls] for box, score, cls in zip(*map(plain, given_columns), strict=True)
        ]
        if all(abs(cls) < 2**53 for cls in got.classes.tolist()):
            assert Detections(table).classes.tolist() == got.classes.tolist()  # type: ignore[arg-type]


@over(st.sampled_from(STRANGE), st.integers(0, 6))
def what_is_no_array_is_refused(strange: Any, column: int) -> None:
    values: list[Any] = [[1], [[1, 2, 3, 4]], [0.5], [0], [1.0], [True], [0]]
    values[column] = strange
    assert attempt(lambda: Tracks(*values)) is None
    if 1 <= column <= 3:
        assert attempt(lambda: Detections(*values[1:4])) is None
    assert attempt(lambda: Labels(strange, [1])) is None  # type: ignore[arg-type]
    labels = Labels([1], [1])  # type: ignore[arg-type]
    assert attempt(lambda: Samples(strange, labels)) is None


PERSON = Detections([[100, 100, 160, 250]], [0.9], [0])  # type: ignore[arg-type]
LOOKS = np.eye(1, 4, dtype=np.float32)


def mostly(*good: Any) -> st.SearchStrategy[Any]:
    """Draw from good strategies, and from strange objects in one case of eight."""

    def chosen(turn: int) -> st.SearchStrategy[Any]:
        return st.one_of(*good) if turn else st.sampled_from(STRANGE[1:])

    return st.integers(0, 7).flatmap(chosen)


@st.composite
def looks_of(draw: st.DrawFn) -> Any:
    """Return embeddings that mostly fit one detection."""
    element = draw(st.sampled_from([common, common, common, numbers]))
    return draw(arrays_of((draw(st.sampled_from([1, 1, 1, 0, 2])), 4), element))


frames = mostly(
    st.none(),
    st.just(np.zeros((480, 640, 3), np.uint8)),
    st.sampled_from([np.zeros((480, 640, 3)), torch.zeros(3, 8, 8)]),
)
times = mostly(st.none(), st.floats(0, 9), st.floats(0, 9), arrays_of((), numbers))
found_in_a_frame = mostly(columns(), st.just(PERSON), st.just(PERSON))
steps = st.lists(
    st.tuples(found_in_a_frame, mostly(st.none(), looks_of()), times, frames), max_size=4
)


@over(steps)
def a_refused_update_changes_nothing(calls_made: list[tuple[Any, Any, Any, Any]]) -> None:
    config = DeepSortConfig(n_init=1)
    tracker, twin = DeepSort(config), DeepSort(config)
    for one in (tracker, twin):
        one.update(PERSON, LOOKS, 0.0)
    for found, looks, time_s, frame in calls_made:
        made = attempt(partial(Detections, *found)) if isinstance(found, tuple) else found
        detections = PERSON if made is None else made
        arguments = (detections, looks, time_s, frame)
        got = attempt(partial(tracker.update, *arguments))
        if got is not None:
            rows = None if looks is None else np.array(plain(looks), np.float64).astype(np.float32)
            seconds = None if time_s is None else float(plain(time_s))
            detections = Detections(detections.boxes, detections.scores, detections.classes)
            expected = twin.update(detections, rows, seconds, frame)
            assert got.ids.tolist() == expected.ids.tolist()
            assert got.boxes.tolist() == expected.boxes.tolist()
            assert np.isfinite(got.ages_s).all()
    after = [one.update(PERSON, None, None) for one in (tracker, twin)]
    assert after[0].ids.tolist() == after[1].ids.tolist()
    assert after[0].boxes.tolist() == after[1].boxes.tolist()
    assert after[0].observed.any()


class Means:
    """A network whose embedding is the mean colour."""

    input_size, embedding_size = (8, 4), 3

    def run(self, crops: Any) -> Any:
        return crops.mean(axis=(1, 2)).astype(np.float32) + 1


ENCODER = PooledEncoder(Means())
PICTURE = np.random.default_rng(0).integers(0, 255, (20, 30, 3)).astype(np.uint8)


@over(st.one_of(columns().map(lambda found: found[0]), st.sampled_from(STRANGE)), frames)
def encoding_is_right_or_refused(boxes: Any, frame: Any) -> None:
    usual = [[0, 0, 10, 20]]
    expected = ENCODER.encode(PICTURE, usual)  # type: ignore[arg-type]
    attempt(lambda: ENCODER.encode(frame, usual))  # type: ignore[arg-type]
    got = attempt(lambda: ENCODER.encode(PICTURE, boxes))
    if got is not None and len(got):
        single = np.array(plain(boxes), np.float64).astype(np.float32)
        assert np.array_equal(got, ENCODER.encode(PICTURE, single))
        np.testing.assert_allclose(np.linalg.norm(got, axis=1), 1, rtol=1e-5)
    assert np.array_equal(ENCODER.encode(PICTURE, usual), expected)  # type: ignore[arg-type]


@over(st.one_of(st.sampled_from(STRANGE), arrays_of((1,), numbers), st.just(math.nan)), numbers)
def what_is_no_source_is_refused(source: Any, number: Any) -> None:
    for options in ({}, {"stride": source}, {"frame_rate": source}, {"stride": number}):
        try:
            open_source(source if not options else "none.mp4", **options)
        except ReidTrackerError as error:
            calls["refused"] += 1
            if "\n" in str(error):
                raise AssertionError("more than one line") from error
        else:
            raise AssertionError(f"{source!r} was opened with {options}")


def run(name: str, examples: int, number: int) -> None:
    """Try a property on some examples; the same ones for the same number."""
    prop, inputs = PROPERTIES[name]
    limits = settings(
        max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    seed(number)(limits(given(*inputs)(prop)))()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=0)
    words = parser.parse_args()
    logging.disable()  # the tracker warns of clocks that go back
    end_s, number = time.monotonic() + 60 * words.minutes, words.seed
    while time.monotonic() < end_s:
        for name in PROPERTIES:
            run(name, 200, number)
        number += 1
    print(f"{calls['taken']} calls taken, {calls['refused']} refused, nothing found")  # noqa: T201


if __name__ == "__main__":
    main()
