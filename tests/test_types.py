"""The data types between stages: accepted, converted and refused values."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reid_tracker.errors import InputError, ReidTrackerError
from reid_tracker.types import Detections, Frame, FrameResult, Identities, Tracks, VideoInfo
from tests.examples import examples

some = settings(max_examples=examples(60), deadline=None, derandomize=True)

Columns = dict[str, tuple[type, tuple[int, ...]]]
"""Type and shape of a row, by column."""

BOX = [1.0, 2.0, 3.0, 4.0]
DETECTION_TYPES: Columns = {
    "boxes": (np.float32, (4,)),
    "scores": (np.float32, ()),
    "classes": (np.int64, ()),
}
TRACK_TYPES: Columns = {
    "ids": (np.int64, ()),
    "boxes": (np.float32, (4,)),
    "scores": (np.float32, ()),
    "classes": (np.int64, ()),
    "ages_s": (np.float64, ()),
    "observed": (np.bool_, ()),
    "detection_index": (np.int64, ()),
}


def detections(count: int = 3, **columns: Any) -> Detections:
    """Return detections with telling values; `columns` replace some."""
    rows = range(count)
    values: dict[str, Any] = {
        "boxes": [[row, 2 * row, row + 5, 2 * row + 10] for row in rows],
        "scores": [row / 16 for row in rows],
        "classes": [10 + row for row in rows],
    }
    return Detections(**{**values, **columns})


def tracks(count: int = 3, **columns: Any) -> Tracks:
    """Return tracks with telling values; `columns` replace some."""
    rows = range(count)
    values: dict[str, Any] = {
        "ids": [row + 1 for row in rows],
        "boxes": [[row, 2 * row, row + 5, 2 * row + 10] for row in rows],
        "scores": [row / 16 for row in rows],
        "classes": [10 + row for row in rows],
        "ages_s": [row / 3 for row in rows],
        "observed": [row % 2 == 0 for row in rows],
        "detection_index": [row - 1 for row in rows],
    }
    return Tracks(**{**values, **columns})


def identities(count: int = 3, **columns: Any) -> Identities:
    """Return identities with telling values; `columns` replace some."""
    values: dict[str, Any] = {
        "track_ids": [row + 1 for row in range(count)],
        "ids": [10 * row for row in range(count)],
        "scores": [row / 16 for row in range(count)],
    }
    return Identities(**{**values, **columns})


Rows = Detections | Tracks | Identities

MAKERS: list[Callable[..., Any]] = [detections, tracks, identities]
TYPES: dict[type, Columns] = {
    Detections: DETECTION_TYPES,
    Tracks: TRACK_TYPES,
    Identities: {
        "track_ids": (np.int64, ()),
        "ids": (np.int64, ()),
        "scores": (np.float32, ()),
    },
}


def assert_contract(value: Rows, count: int) -> None:
    """Check the type, the length and every column's type and shape."""
    assert len(value) == count
    for name, (dtype, shape) in TYPES[type(value)].items():
        column = getattr(value, name)
        assert isinstance(column, np.ndarray), name
        assert column.dtype == dtype, name
        assert column.shape == (count, *shape), name


def assert_equal(got: Rows, expected: Rows) -> None:
    assert type(got) is type(expected)
    for name in TYPES[type(expected)]:
        np.testing.assert_array_equal(getattr(got, name), getattr(expected, name), err_msg=name)


def refusal(action: Callable[[], object]) -> str:
    """Return the one line with which an action refuses its input."""
    with pytest.raises(InputError) as caught:
        action()
    message = str(caught.value)
    assert len(message.splitlines()) == 1, message
    return message


def test_fields_are_the_documented_ones() -> None:
    for kind, types in TYPES.items():
        assert [field.name for field in dataclasses.fields(kind)] == list(types)


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("count", [0, 1, 5])
def test_lists_become_arrays_of_the_contract(make: Callable[..., Any], count: int) -> None:
    assert_contract(make(count), count)


@pytest.mark.parametrize(
    "convert",
    [
        tuple,
        np.array,
        lambda column: np.array(column, np.float64),
        lambda column: np.array(column, np.float16),
        lambda column: np.array(column, np.uint8),
        lambda column: np.array(column, object),
        lambda column: [np.array(row) for row in column],
    ],
)
def test_array_likes_become_arrays_of_the_contract(convert: Callable[[Any], Any]) -> None:
    boxes, scores, classes = [[1, 2, 3, 4], [5, 6, 7, 8]], [0, 1], [3, 4]
    got = Detections(convert(boxes), convert(scores), convert(classes))
    assert_contract(got, 2)
    assert_equal(got, Detections(np.array(boxes), np.array(scores), np.array(classes)))


def test_arrays_of_the_right_type_are_copied() -> None:
    boxes, scores = np.array([BOX], np.float32), np.ones(1, np.float32)
    got = Detections(boxes, scores, np.zeros(1, np.int64))
    boxes[:], scores[:] = 7, 0
    assert (got.boxes.tolist(), got.scores.tolist()) == ([BOX], [1])


def test_strided_views_are_accepted() -> None:
    raw = np.arange(48, dtype=np.float32).reshape(4, 12)[::2, ::2]
    raw[:, 4] /= 48
    got = Detections(raw[:, :4], raw[:, 4], raw[:, 5])  # type: ignore[arg-type]
    assert_contract(got, 2)
    np.testing.assert_array_equal(got.boxes, raw[:, :4])


@pytest.mark.parametrize(
    "nothing",
    [
        [],
        (),
        [[]],
        np.empty(0),
        np.empty((0, 4)),
        np.empty((0, 4), np.int64),
        np.empty((0, 5)),
        np.empty((1, 0)),
        np.empty((0, 0)),
    ],
    ids=repr,
)
def test_anything_empty_is_zero_rows(nothing: Any) -> None:
    assert_contract(Detections(nothing, nothing, nothing), 0)
    assert_contract(Tracks([], nothing, nothing, nothing, nothing, nothing, nothing), 0)  # type: ignore[arg-type]


def test_empty() -> None:
    assert_contract(Detections.empty(), 0)
    assert_contract(Tracks.empty(), 0)


@pytest.mark.parametrize(
    ("columns", "field", "shapes"),
    [
        ({"boxes": [BOX]}, "scores", ["(3,)", "(1)"]),
        ({"boxes": []}, "scores", ["(3,)", "(0)"]),
        ({"boxes": BOX}, "boxes", ["(4,)", "(N, 4)"]),
        ({"boxes": [[*BOX, 0.5]] * 3}, "boxes", ["(3, 5)", "(3, 4)"]),
        ({"boxes": [BOX[:3]] * 3}, "boxes", ["(3, 3)", "(3, 4)"]),
        ({"boxes": [[BOX]] * 3}, "boxes", ["(3, 1, 4)", "(3, 4)"]),
        ({"scores": [0.5] * 4}, "scores", ["(4,)", "(3)"]),
        ({"scores": [[0.5]] * 3}, "scores", ["(3, 1)", "(3)"]),
        ({"scores": 0.5}, "scores", ["()", "(3)"]),
        ({"scores": []}, "scores", ["(0,)", "(3)"]),
        ({"classes": [0, 0]}, "classes", ["(2,)", "(3)"]),
        ({"classes": 0}, "classes", ["()", "(3)"]),
    ],
)
def test_wrong_shape_names_the_field_and_the_shapes(
    columns: dict[str, Any], field: str, shapes: list[str]
) -> None:
    message = refusal(lambda: detections(**columns))
    assert f"Detections.{field} " in message
    for shape in shapes:
        assert shape in message


@pytest.mark.parametrize("field", list(TRACK_TYPES))
def test_wrong_length_of_each_column_of_tracks_is_named(field: str) -> None:
    two = getattr(tracks(2), field)
    message = refusal(lambda: tracks(3, **{field: two}))
    # the ids give the number of rows, so the next column is the one that does not fit
    assert f"Tracks.{'boxes' if field == 'ids' else field} " in message


@pytest.mark.parametrize(
    "boxes",
    [
        "abc",
        ["a", "b", "c"],
        ["two\nlines"] * 3,
        [BOX, BOX[:2], BOX],
        [{"left": 1}] * 3,
        [[None] * 3] * 3,
        {1: BOX, 2: BOX, 3: BOX},
        [BOX, None, BOX],
    ],
)
def test_what_is_no_array_is_refused(boxes: Any) -> None:
    assert "Detections.boxes " in refusal(lambda: detections(boxes=boxes))


@pytest.mark.parametrize("boxes", [None, 5, 2.5, np.float32(1), np.array(7.0), iter([BOX])])
def test_what_has_no_length_is_refused(boxes: Any) -> None:
    assert "Detections.boxes " in refusal(lambda: detections(boxes=boxes))
    assert "Tracks.ids " in refusal(lambda: tracks(ids=boxes))


@pytest.mark.parametrize(
    ("columns", "field"),
    [
        ({"classes": [0, float("nan"), 0]}, "classes"),
        ({"classes": [0, float("inf"), 0]}, "classes"),
        ({"classes": np.array([0, np.nan, 0])}, "classes"),
        ({"classes": np.array([0, -np.inf, 0])}, "classes"),
        ({"classes": np.array([0, 1e30, 0])}, "classes"),
        ({"classes": [0, 2**70, 0]}, "classes"),
        ({"scores": [0, 10**400, 0]}, "scores"),
        ({"scores": [0, 1e300, 0]}, "scores"),
        ({"boxes": [BOX, BOX, [0, 0, 1e300, 1]]}, "boxes"),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_what_the_column_cannot_hold_is_refused(columns: dict[str, Any], field: str) -> None:
    assert f"Detections.{field} " in refusal(lambda: detections(**columns))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    ("make", "field"),
    [
        (detections, "boxes"),
        (detections, "scores"),
        (tracks, "boxes"),
        (tracks, "scores"),
        (tracks, "ages_s"),
    ],
)
@given(count=st.integers(1, 12), data=st.data())
@some
def test_values_that_are_not_finite_are_refused_with_their_rows(
    make: Callable[..., Any], field: str, bad: float, count: int, data: st.DataObject
) -> None:
    good = make(count)
    rows = sorted(data.draw(st.sets(st.integers(0, count - 1), min_size=1), label="rows"))
    column = getattr(good, field).copy()
    if column.ndim == 1:
        column[rows] = bad
    else:
        column[rows, data.draw(st.integers(0, 3), label="coordinate")] = bad
    message = refusal(lambda: dataclasses.replace(good, **{field: column}))
    assert f"{type(good).__name__}.{field} " in message
    assert f"rows {rows[:5]}" in message


@pytest.mark.parametrize(
    "box", [[3, 2, 1, 4], [1, 4, 3, 2], [5, 5, 1, 1], [100, 50, 20, 40], [0, 0, -1e-3, 1]]
)
def test_inverted_box_is_refused_with_row_and_value(box: list[float]) -> None:
    message = refusal(lambda: detections(boxes=[BOX, box, box]))
    assert "Detections.boxes row 1 " in message
    assert str(np.array(box, np.float32).tolist()) in message
    assert "right < left" in message


def test_flat_and_outside_boxes_are_accepted() -> None:
    boxes = [[1, 1, 1, 1], [2, 0, 2, 5], [-50, -60, -10, -20], [0, 0, 1e6, 1e6]]
    got = detections(4, boxes=boxes)
    np.testing.assert_array_equal(got.boxes, np.array(boxes, np.float32))


def test_input_error_is_the_package_s_error_and_a_value_error() -> None:
    assert issubclass(InputError, ReidTrackerError)
    assert issubclass(InputError, ValueError)


@pytest.mark.parametrize("make", MAKERS)
@given(data=st.data(), count=st.integers(0, 8))
@some
def test_selecting_rows(make: Callable[..., Any], data: st.DataObject, count: int) -> None:
    value = make(count)
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=count, max_size=count)), np.bool_)
    numbers = st.integers(-max(count, 1), max(count, 1) - 1)
    index = np.array(data.draw(st.lists(numbers, max_size=12 if count else 0)), np.int64)
    cut = data.draw(st.slices(count))
    for rows in (mask, index, cut):
        got = value[rows]
        assert type(got) is type(value)
        expected = np.arange(count)[rows]
        assert_contract(got, len(expected))
        for name in TYPES[type(value)]:
            assert getattr(got, name).tolist() == getattr(value, name)[expected].tolist()


@pytest.mark.parametrize("make", MAKERS)
def test_selecting_with_lists_and_nothing(make: Callable[..., Any]) -> None:
    value = make(3)
    assert_equal(value[[True, False, True]], value[[0, 2]])
    assert_equal(value[[]], make(0))
    assert_equal(value[:], value)
    assert_equal(value[...], value)
    assert_equal(make(0)[:], make(0))


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("rows", [np.array([7]), np.array([True]), "boxes"])
def test_selecting_rows_that_are_not_there(make: Callable[..., Any], rows: Any) -> None:
    with pytest.raises(IndexError):
        make(3)[rows]


def test_values_are_frozen() -> None:
    for value, name in (
        (detections(), "boxes"),
        (tracks(), "ids"),
        (VideoInfo(1, 1, Fraction(1)), "width"),
    ):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, name, None)


def test_video_info_compares_by_value_and_need_not_know_its_length() -> None:
    info = VideoInfo(640, 480, Fraction(30000, 1001))
    assert info.frame_count is None
    assert info == VideoInfo(640, 480, Fraction("30000/1001"), None)
    assert info != VideoInfo(640, 480, Fraction(30000, 1001), 5)


def test_frame_result_carries_its_parts_untouched() -> None:
    frame = Frame(np.zeros((2, 3, 3), np.uint8), index=7, timestamp_s=0.5)
    seen, followed = detections(), tracks()
    result = FrameResult("door", frame, seen, followed)
    assert (result.camera, result.frame) == ("door", frame)
    assert result.detections is seen
    assert result.tracks is followed


@given(st.integers(0, 6))
@some
def test_rows_are_never_called_rows_of_another_field(count: int) -> None:
    message = refusal(lambda: detections(count, scores=np.zeros(count + 1)))
    assert re.search(rf"\({count + 1},\), expected \({count}\)", message)


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("count", [0, 1, 4])
def test_iterating_and_indexing_give_rows(make: Callable[..., Any], count: int) -> None:
    value = make(count)
    rows = list(value)
    assert len(rows) == count
    for number, row in enumerate(rows):
        for one in (number, number - count, np.int64(number), np.array(number)):
            assert_equal(value[one], row)
        assert_equal(row, value[[number]])
        assert_equal(value[torch.tensor(number)], row)
    for beyond in (count, -count - 1):
        with pytest.raises(IndexError):
            value[beyond]
    assert_equal(value[torch.ones(count, dtype=torch.bool)], value)


@pytest.mark.parametrize("rows", [None, True, (0, 1), [[0], [1, 2]], np.zeros((2, 2), np.int64)])
def test_what_selects_no_whole_rows_is_refused(rows: Any) -> None:
    with pytest.raises((InputError, IndexError)):
        detections(3)[rows]


@pytest.mark.parametrize("make", [detections, tracks])
@pytest.mark.parametrize("score", [90, 1.01, -0.1, -1e-9])
def test_scores_that_are_no_confidences_are_refused(make: Callable[..., Any], score: float) -> None:
    message = refusal(lambda: make(2, scores=[0.5, score]))
    assert f".scores row 1 is {score:g}: expected a confidence from 0 to 1" in message


@pytest.mark.parametrize("classes", [[0, 0.7], [0, 1e-3], [0, 2**63]])
@pytest.mark.parametrize("make", [detections, tracks])
def test_classes_that_are_no_numbers_of_classes_are_refused(
    make: Callable[..., Any], classes: list[float]
) -> None:
    refusal(lambda: make(2, classes=classes))


def test_inverted_boxes_of_tracks_are_refused() -> None:
    assert "Tracks.boxes row 0 " in refusal(lambda: tracks(1, boxes=[[3, 2, 1, 4]]))


FOUND = [[1, 2, 3, 4, 0.5, 7], [5, 6, 7, 8, 0.25, 0]]


class Found:
    """A table of boxes that numpy must not take for a sequence, as ultralytics has it."""

    xyxy: Any

    def __init__(self, **columns: Any) -> None:
        vars(self).update(columns)

    def __len__(self) -> int:
        return len(self.xyxy)

    def __getitem__(self, row: int) -> Found:
        return self


def ultralytics_boxes(rows: list[list[float]]) -> Found:
    table = torch.tensor(rows, requires_grad=True).reshape(-1, 6)
    return Found(xyxy=table[:, :4], conf=table[:, 4], cls=table[:, 5], id=None)


def supervision_detections(rows: list[list[float]], **other: Any) -> Found:
    table = np.array(rows).reshape(-1, 6)
    columns = {"confidence": table[:, 4], "class_id": table[:, 5].astype(int), **other}
    return Found(xyxy=table[:, :4], **columns)


@pytest.mark.parametrize(
    "convert",
    [
        list,
        np.array,
        torch.tensor,
        lambda rows: torch.tensor(rows, requires_grad=True),
        ultralytics_boxes,
        lambda rows: Found(boxes=ultralytics_boxes(rows)),
        supervision_detections,
    ],
)
def test_what_detectors_return_becomes_detections(convert: Callable[[Any], Any]) -> None:
    got = Detections(convert(FOUND))
    assert_equal(got, Detections([row[:4] for row in FOUND], [0.5, 0.25], [7, 0]))  # type: ignore[arg-type]
    assert_contract(Detections(convert([])), 0)


@pytest.mark.slow
def test_ultralytics_and_supervision_become_detections() -> None:
    results = pytest.importorskip("ultralytics.engine.results")
    supervision = pytest.importorskip("supervision")
    picture = np.zeros((9, 9, 3), np.uint8)
    for rows in (FOUND, []):
        table = torch.tensor(rows).reshape(-1, 6)
        result = results.Results(picture, "frame.jpg", {0: "person", 7: "truck"}, boxes=table)
        expected = Detections(table)  # type: ignore[arg-type]
        for found in (result, result.boxes, supervision.Detections.from_ultralytics(result)):
            assert_equal(Detections(found), expected)
    assert_contract(Detections(supervision.Detections.empty()), 0)
    refusal(lambda: Detections(results.Results(picture, "frame.jpg", {})))
    refusal(lambda: Detections([result]))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "found",
    [
        None,
        "boxes",
        [BOX],
        [[*BOX, 0.5]],
        [*BOX, 0.5, 0],
        Found(boxes=None),
        supervision_detections(FOUND, confidence=None),
        supervision_detections(FOUND, class_id=None),
        [ultralytics_boxes(FOUND)],
        {"boxes": [BOX]},
        tracks(2),
        [[*BOX, 90, 0]],
        [[*BOX, 0.5, 0.7]],
    ],
    ids=lambda found: type(found).__name__,
)
def test_other_tables_are_refused(found: Any) -> None:
    refusal(lambda: Detections(found))
