"""Boxes: formats, overlap and clipping, against properties and a plain-loop oracle."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reid_tracker.geometry import (
    areas,
    clip_boxes,
    cover_matrix,
    covered,
    cxcyah_to_xyxy,
    cxcywh_to_xyxy,
    iou_matrix,
    tlwh_to_xyxy,
    xyxy_to_cxcyah,
    xyxy_to_tlwh,
)
from tests.examples import examples
from tests.oracles import iou as oracle

Array = npt.NDArray[np.floating]

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")
some = settings(max_examples=examples(100), deadline=None, derandomize=True)

# A coordinate that is a multiple of 1/8 below 2**13 is exact in float32, and so are sums of two.
eighths = st.integers(-(2**14), 2**14).map(lambda number: number / 8)
sides = st.integers(0, 2**14).map(lambda number: number / 8)


@st.composite
def exact_boxes(draw: st.DrawFn, smallest_side: float = 0.0) -> Array:
    """Boxes, (N, 4) float32 xyxy, whose coordinates and sizes are exact; N may be 0."""
    rows = draw(st.lists(st.tuples(eighths, eighths, sides, sides), max_size=6))
    boxes = np.array(rows, np.float32).reshape(-1, 4)
    boxes[:, 2:] = boxes[:, :2] + np.maximum(boxes[:, 2:], smallest_side)
    return boxes


@st.composite
def crowded_boxes(draw: st.DrawFn) -> Array:
    """Boxes, (N, 4) float32 xyxy, on a small grid, so that most pairs touch or overlap."""
    small = st.integers(0, 6).map(float)
    rows = draw(st.lists(st.tuples(small, small, small, small), max_size=6))
    boxes = np.array(rows, np.float32).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    return boxes


@st.composite
def any_boxes(draw: st.DrawFn) -> Array:
    """Boxes, (N, 4) float32 xyxy, with any coordinates a video can have."""
    number = st.floats(-1e4, 1e4, width=32, allow_nan=False)
    rows = draw(st.lists(st.tuples(number, number, number, number), max_size=6))
    boxes = np.array(rows, np.float32).reshape(-1, 4)
    return np.concatenate(
        [np.minimum(boxes[:, :2], boxes[:, 2:]), np.maximum(boxes[:, :2], boxes[:, 2:])], axis=1
    )


@given(exact_boxes())
@some
def test_tlwh_round_trip_is_exact(boxes: Array) -> None:
    tlwh = xyxy_to_tlwh(boxes)
    assert tlwh.dtype == np.float32
    np.testing.assert_array_equal(tlwh_to_xyxy(tlwh), boxes)
    np.testing.assert_array_equal(xyxy_to_tlwh(tlwh_to_xyxy(tlwh)), tlwh)


@given(any_boxes())
@some
def test_tlwh_round_trip_of_any_box(boxes: Array) -> None:
    np.testing.assert_allclose(tlwh_to_xyxy(xyxy_to_tlwh(boxes)), boxes, rtol=1e-6, atol=2e-3)


@given(exact_boxes(smallest_side=0.125))
@some
def test_cxcyah_round_trip(boxes: Array) -> None:
    cxcyah = xyxy_to_cxcyah(boxes)
    assert cxcyah.dtype == np.float32
    np.testing.assert_allclose(cxcyah_to_xyxy(cxcyah), boxes, rtol=1e-6, atol=2e-3)
    double = xyxy_to_cxcyah(boxes.astype(np.float64))
    np.testing.assert_allclose(xyxy_to_cxcyah(cxcyah_to_xyxy(double)), double, rtol=1e-9, atol=1e-9)


@given(exact_boxes(smallest_side=0.125))
@some
def test_tlwh_and_cxcyah_agree(boxes: Array) -> None:
    tlwh, cxcyah = xyxy_to_tlwh(boxes), xyxy_to_cxcyah(boxes)
    np.testing.assert_allclose(cxcyah[:, :2], tlwh[:, :2] + tlwh[:, 2:] / 2, rtol=1e-6)
    np.testing.assert_allclose(cxcyah[:, 2] * cxcyah[:, 3], tlwh[:, 2], rtol=1e-6)
    np.testing.assert_array_equal(cxcyah[:, 3], tlwh[:, 3])


def test_formats_of_one_box() -> None:
    xyxy = np.array([[10, 20, 40, 80]], np.float32)
    assert xyxy_to_tlwh(xyxy).tolist() == [[10, 20, 30, 60]]
    assert xyxy_to_cxcyah(xyxy).tolist() == [[25, 50, 0.5, 60]]
    assert tlwh_to_xyxy(np.array([[10, 20, 30, 60]], np.float32)).tolist() == xyxy.tolist()
    assert cxcyah_to_xyxy(np.array([[25, 50, 0.5, 60]], np.float32)).tolist() == xyxy.tolist()


@given(crowded_boxes(), crowded_boxes())
@some
def test_iou_equals_the_loop(boxes_a: Array, boxes_b: Array) -> None:
    iou = iou_matrix(boxes_a, boxes_b)
    assert iou.shape == (len(boxes_a), len(boxes_b))
    assert iou.dtype == np.float32
    expected = oracle.iou_matrix(boxes_a.tolist(), boxes_b.tolist())
    np.testing.assert_allclose(iou, expected, rtol=1e-6)


@given(any_boxes(), any_boxes())
@some
def test_iou_of_any_boxes_is_symmetric_and_within_0_and_1(boxes_a: Array, boxes_b: Array) -> None:
    iou = iou_matrix(boxes_a, boxes_b)
    np.testing.assert_array_equal(iou, iou_matrix(boxes_b, boxes_a).T)
    assert ((iou >= 0) & (iou <= 1)).all()


@given(any_boxes())
@some
def test_iou_with_itself(boxes: Array) -> None:
    own = np.diagonal(iou_matrix(boxes, boxes))
    np.testing.assert_array_equal(own, (areas(boxes) > 0).astype(np.float32))


@given(crowded_boxes(), eighths, eighths)
@some
def test_iou_does_not_depend_on_the_place(boxes: Array, dx: float, dy: float) -> None:
    moved = boxes + np.array([dx, dy, dx, dy], np.float32)
    np.testing.assert_array_equal(iou_matrix(moved, moved), iou_matrix(boxes, boxes))


def test_boxes_that_only_touch_do_not_overlap() -> None:
    box = np.array([[0, 0, 10, 10]], np.float32)
    neighbours = np.array([[10, 0, 20, 10], [0, 10, 10, 20], [10, 10, 20, 20]], np.float32)
    assert iou_matrix(box, neighbours).tolist() == [[0, 0, 0]]


def test_empty_box_has_iou_0_also_with_itself() -> None:
    boxes = np.array([[5, 5, 5, 5], [0, 0, 10, 10], [5, 0, 5, 10]], np.float32)
    assert iou_matrix(boxes, boxes).tolist() == [[0, 0, 0], [0, 1, 0], [0, 0, 0]]


@given(any_boxes())
@some
def test_areas_equal_the_loop(boxes: Array) -> None:
    got = areas(boxes)
    assert got.shape == (len(boxes),)
    assert got.dtype == np.float32
    # float32 rounds each side, by up to 1e-3 pixel for coordinates near 1e4
    expected = [oracle.area(box) for box in boxes.tolist()]
    np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-30)


@given(exact_boxes())
@some
def test_areas_are_width_times_height_and_inverted_boxes_have_none(boxes: Array) -> None:
    np.testing.assert_array_equal(areas(boxes), np.prod(xyxy_to_tlwh(boxes)[:, 2:], axis=1))
    inverted = boxes[:, [2, 1, 0, 3]]
    np.testing.assert_array_equal(areas(inverted), 0)


@given(any_boxes(), st.integers(1, 8000), st.integers(1, 8000))
@some
def test_clip_is_inside_idempotent_and_changes_nothing_else(
    boxes: Array, width: int, height: int
) -> None:
    before = boxes.copy()
    clipped = clip_boxes(boxes, width, height)
    np.testing.assert_array_equal(boxes, before)
    assert clipped.dtype == np.float32
    assert (clipped >= 0).all()
    assert (clipped <= np.array([width, height, width, height])).all()
    assert (clipped[:, :2] <= clipped[:, 2:]).all()
    np.testing.assert_array_equal(clip_boxes(clipped, width, height), clipped)
    frame = np.array([0, 0, width, height], np.float32)
    inside = ((boxes[:, :2] >= frame[:2]) & (boxes[:, 2:] <= frame[2:])).all(axis=1)
    np.testing.assert_array_equal(clipped[inside], boxes[inside])
    # By sides, since the area of the smallest boxes is 0 in float32.
    left = (clipped[:, 2:] > clipped[:, :2]).all(axis=1)
    np.testing.assert_array_equal(left, oracle_overlaps(boxes, frame))


def oracle_overlaps(boxes: Array, frame: Array) -> npt.NDArray[np.bool_]:
    return np.array([oracle.iou(box, frame.tolist()) > 0 for box in boxes.tolist()], np.bool_)


def test_clip_keeps_x_and_y_apart() -> None:
    boxes = np.array([[-5, -5, 500, 500]], np.float32)
    assert clip_boxes(boxes, 320, 240).tolist() == [[0, 0, 320, 240]]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "function",
    [
        xyxy_to_tlwh,
        tlwh_to_xyxy,
        xyxy_to_cxcyah,
        cxcyah_to_xyxy,
        lambda boxes: clip_boxes(boxes, 320, 240),
    ],
)
def test_no_boxes_stay_no_boxes(function: Callable[[Array], Array], dtype: type) -> None:
    got = function(np.empty((0, 4), dtype))
    assert got.shape == (0, 4)
    assert got.dtype == dtype


@pytest.mark.parametrize(("count_a", "count_b"), [(0, 0), (0, 3), (2, 0)])
def test_iou_and_areas_of_no_boxes(count_a: int, count_b: int) -> None:
    boxes_a, boxes_b = np.ones((count_a, 4), np.float32), np.ones((count_b, 4), np.float32)
    assert iou_matrix(boxes_a, boxes_b).shape == (count_a, count_b)
    assert areas(boxes_a).shape == (count_a,)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_precision_is_kept(dtype: type) -> None:
    boxes: Array = np.array([[0, 0, 3, 4]], dtype)
    for got in (
        xyxy_to_tlwh(boxes),
        tlwh_to_xyxy(boxes),
        xyxy_to_cxcyah(boxes),
        cxcyah_to_xyxy(boxes),
        areas(boxes),
        iou_matrix(boxes, boxes),
        clip_boxes(boxes, 2, 2),
    ):
        assert got.dtype == dtype


def test_people_cut_by_the_lower_edge_hide_each_other() -> None:
    boxes = np.array([[0, 0, 10, 100], [5, 50, 15, 100.5], [100, 0, 110, 100]], np.float32)
    assert covered(boxes).tolist() == pytest.approx([0.25, 0.495, 0], abs=0.01)


def test_cover_of_a_nested_box_is_one() -> None:
    boxes = np.array([[0, 0, 10, 100], [2, 10, 8, 50], [5, 0, 15, 100], [3, 3, 3, 3]], np.float32)
    cover = cover_matrix(boxes)
    assert cover[0].tolist() == pytest.approx([1, 1, 0.5, 0])
    np.testing.assert_array_equal(cover, cover.T)


def test_boxes_by_centre_and_size() -> None:
    boxes = np.array([[50, 55, 40, 70], [0, 0, 1, 3]], np.float32)
    assert cxcywh_to_xyxy(boxes).tolist() == [[30, 20, 70, 90], [-0.5, -1.5, 0.5, 1.5]]
