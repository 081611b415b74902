"""Records: what is refused, and what follows from events."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from reid_tracker.errors import InputError
from reid_tracker.match.gallery.records import (
    IDENTITY_LIMIT,
    EventRecord,
    Where,
    from_bytes,
    number_now,
    related_events,
    to_bytes,
)
from tests.match.gallery.samples import person, sighting, views


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": ""}, r"SightingRecord\.id = .*: expected text of 1 to 500 letters"),
        ({"camera": "x" * 501}, "expected text of 1 to 500 letters"),
        ({"site": "a\0b"}, "without NUL and lone surrogates"),
        ({"site": "\ud800"}, "without NUL and lone surrogates"),
        ({"identity": -1}, "expected a whole number from 0 on"),
        ({"identity": 1.5}, "expected a whole number from 0 on"),
        ({"identity": IDENTITY_LIMIT}, "expected a whole number from 0 on"),
        ({"end_s": 999.0}, "start_s <= end_s"),
        ({"end_s": np.inf}, "expected finite seconds"),
        ({"quality": 1.1}, r"quality = 1\.1, expected 0 to 1"),
        ({"embeddings": np.zeros((0, 4))}, r"shape \(0, 4\), expected \(P, D\)"),
        ({"embeddings": 2 * person(1)[None]}, "has length 2, expected unit rows"),
        ({"embeddings": np.full((1, 4), np.nan)}, "has length nan"),
    ],
)
def test_a_sighting_that_is_not_allowed(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        replace(sighting("a"), **change)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "rename"}, "expected one of new, match, merge, split"),
        ({"previous": (0,)}, "expected a whole number from 1 on"),
        ({"kind": "merge"}, r"is a merge of \(\) into 1"),
        ({"score": np.nan}, "must be finite"),
        ({"reason": 7}, "expected text of 0 to 500 letters"),
    ],
)
def test_an_event_that_is_not_allowed(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        replace(EventRecord("e", "new", 1, 5.0), **change)


def test_a_filter_of_no_time_is_refused() -> None:
    with pytest.raises(InputError, match="from 2 to 1 is empty; expected its start before its end"):
        Where(since_s=2, until_s=1)


def test_bytes_keep_embeddings_in_float16() -> None:
    given = views(person(3), 5)
    found = from_bytes(to_bytes(given), given.shape[1])
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, given.astype(np.float16).astype(np.float32))


def test_merges_are_followed_in_both_directions() -> None:
    events = [
        EventRecord("1", "new", 4, 0.0),
        EventRecord("2", "merge", 3, 1.0, previous=(4, 5)),
        EventRecord("3", "match", 9, 2.0, previous=(8,)),
        EventRecord("4", "merge", 2, 3.0, previous=(3,)),
        EventRecord("5", "split", 0, 4.0, previous=(2,)),
    ]
    assert [number_now(number, events) for number in (2, 3, 4, 5, 8, 9)] == [2, 2, 2, 2, 8, 9]
    assert [event.id for event in related_events(events, 2)] == ["1", "2", "4", "5"]
    assert [event.id for event in related_events(events, 3)] == ["1", "2", "4"]
    assert [event.id for event in related_events(events, 8)] == ["3"]
    assert related_events(events, 77) == []
