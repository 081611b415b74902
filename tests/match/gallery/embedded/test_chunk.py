"""A chunk of vectors: what it finds, what it overwrites, and when it is compacted."""

from __future__ import annotations

import numpy as np

from reid_tracker.match.gallery.embedded.chunk import Chunk, Limit, to_float32
from reid_tracker.match.gallery.records import Where
from tests.match.gallery.samples import unit

SIZE = 4


def chunk(rows: int, capacity: int) -> Chunk:
    """A chunk whose row i belongs to sighting i // 2, identity i, camera i % 3, second i."""
    made = Chunk(capacity, SIZE, np.dtype(np.float16))
    index = np.arange(rows)
    vectors = unit(1 + np.random.default_rng(0).random((rows, SIZE))).astype(np.float16)
    columns = (index // 2, index, index % 3, index * 0, index * 1.0, index + 0.5)
    assert made.fill(columns, vectors, 0) == min(rows, capacity)
    return made


def limits(cameras: list[int], except_identities: list[int]) -> list[Limit]:
    found = [
        Limit("cameras", np.array(cameras, np.int32)),
        Limit("identities", np.array(except_identities, np.int64), among=False),
    ]
    return [limit for limit in found if len(limit.values)]


def test_rows_pass_all_columns_of_a_filter() -> None:
    made = chunk(12, 20)
    assert made.select(Where(), limits([], [])).tolist() == list(range(12))
    assert made.select(Where(), limits([1], [4, 7])).tolist() == [1, 10]
    assert made.select(Where(since_s=3.5, until_s=6), limits([], [])).tolist() == [3, 4, 5, 6]
    assert made.select(Where(since_s=99), limits([], [])).tolist() == []


def test_rows_of_a_sighting_are_found_and_overwritten() -> None:
    made = chunk(12, 12)
    assert made.rows_of(np.array([2, 5, 9])).tolist() == [4, 5, 10, 11]
    made.remove(made.rows_of(np.array([2])))
    assert not made.vectors[4:6].any()
    assert made.select(Where(), limits([], [])).tolist() == [0, 1, 2, 3, *range(6, 12)]


def test_a_full_chunk_is_compacted_when_half_of_it_is_removed() -> None:
    made = chunk(12, 12)
    made.remove(np.arange(5))
    assert made.compacted() is made
    made.remove(np.array([5]))
    small = made.compacted()
    assert small is not None
    assert (small.used, len(small.numbers)) == (6, 6)
    assert small.identities.tolist() == [6, 7, 8, 9, 10, 11]
    np.testing.assert_array_equal(small.vectors, made.vectors[6:])
    made.remove(np.arange(12))
    assert made.compacted() is None


def test_scores_are_cosines_wherever_the_rows_lie() -> None:
    made = chunk(1300, 1300)
    query = unit(np.array([[1.0, 2, 3, 4]]))[0]
    expected = made.vectors.astype(np.float32) @ query
    for rows in (np.arange(1300), np.arange(0, 1300, 7), np.array([3])):
        np.testing.assert_allclose(made.scores(rows, query), expected[rows], atol=1e-6)


def test_every_finite_float16_is_converted_exactly() -> None:
    every = np.arange(65536, dtype=np.uint16).view(np.float16)
    every = every[np.isfinite(every)]
    converted = to_float32(every.reshape(-1, SIZE)).reshape(-1)
    assert converted.dtype == np.float32
    np.testing.assert_array_equal(converted, every.astype(np.float32))
    assert (np.signbit(converted) == np.signbit(every)).all()
