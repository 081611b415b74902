"""What sources share: closing, iteration, and the end of both."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest

from reid_tracker.errors import SourceError
from reid_tracker.types import Frame, VideoInfo
from reid_tracker.video import LiveSource, Source
from reid_tracker.video.source import BaseSource

IMAGE = np.zeros((2, 4, 3), np.uint8)


class ToySource(BaseSource):
    """Three frames, or an error after them."""

    released = 0

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__("toy", VideoInfo(4, 2, Fraction(10)), 1)
        self._error = error

    def _read(self) -> Iterator[Frame]:
        for index in range(3):
            yield Frame(IMAGE, index, index / 10)
        if self._error is not None:
            raise self._error

    def _release(self) -> None:
        self.released += 1


def test_a_toy_is_a_source_but_not_a_live_one() -> None:
    assert isinstance(ToySource(), Source)
    assert not isinstance(ToySource(), LiveSource)


def test_the_end_releases_once() -> None:
    source = ToySource()
    assert len(list(source)) == 3
    source.close()
    assert (source.closed, source.released) == (True, 1)
    with pytest.raises(SourceError, match="'toy' was read to its end or closed"):
        iter(source)


def test_an_error_releases_too() -> None:
    source = ToySource(SourceError("broken"))
    with pytest.raises(SourceError, match="broken"):
        list(source)
    assert (source.closed, source.released) == (True, 1)


def test_closing_within_the_loop_ends_it() -> None:
    source = ToySource()
    seen = []
    for frame in source:
        seen.append(frame.index)
        source.close()
    assert (seen, source.released) == ([0], 1)
