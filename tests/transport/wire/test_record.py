"""Checks in the base class of all messages."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from reid_tracker.errors import MessageError, ReidTrackerError
from reid_tracker.transport.wire.messages import (
    Observation,
)
from tests.transport.samples import (
    NOW_S,
    tracklet,
)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"edge": ""}, "TrackletMessage.edge = '': Expected `str` of length >= 1"),
        ({"edge": "ä" * 101}, "text of at most 200 bytes of UTF-8"),
        ({"camera": "a\0b"}, "without NUL"),
        ({"camera": "\ud800"}, "lone surrogates"),
        ({"edge_seq": -1}, "Expected `int` >= 0"),
        ({"edge_seq": 2**53 + 1}, "Expected `int` <= 9007199254740992"),
        ({"edge_seq": True}, "Expected `int`, got `bool`"),
        ({"edge_seq": 1.0}, "Expected `int`, got `float`"),
        ({"track": 0}, "Expected `int` >= 1"),
        ({"state": "gone"}, "TrackletMessage.state = 'gone'"),
        ({"clock": "ntp"}, "TrackletMessage.clock = 'ntp'"),
        ({"start_s": float("nan")}, "start_s = nan: Expected `float` >= 0"),
        ({"end_s": float("inf")}, "Expected `float` <= 100000000000.0"),
        ({"end_s": NOW_S - 1}, "start_s <= end_s"),
        ({"quality": 1.01}, "Expected `float` <= 1.0"),
        ({"observations": ()}, "Expected `array` of length >= 1"),
        ({"observations": (Observation(NOW_S - 1, (0, 0, 1, 1), (0, 0)),)}, "ascending times"),
        ({"observations": (1,)}, "got `int` - at `$[0]`"),
    ],
)
def test_invalid_values(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(MessageError) as caught:
        tracklet(**changes)
    assert words in str(caught.value)
    assert isinstance(caught.value, ReidTrackerError)


def test_numbers_of_numpy_become_python_numbers() -> None:
    box = tuple(np.array([0.25, 0.5, 0.75, 1.0], np.float32))
    one = Observation(np.float64(NOW_S), box, np.array([0.5, 1.0]))  # type: ignore[arg-type]
    assert one == Observation(NOW_S, (0.25, 0.5, 0.75, 1.0), (0.5, 1.0))
    assert {type(value) for value in (one.time_s, *one.box, *one.foot)} == {float}
