"""Closing at the end of a with-statement, and which of two errors is raised."""

from __future__ import annotations

import pytest

from reid_tracker.closing import Closing
from reid_tracker.errors import OutputError


class Output(Closing):
    """Counts how often it was closed; may fail at that."""

    def __init__(self, failure: str = "") -> None:
        self.failure = failure
        self.closed = 0

    def close(self) -> None:
        self.closed += 1
        if self.failure:
            raise OutputError(self.failure)


def test_closed_at_the_end() -> None:
    with Output() as output:
        assert output.closed == 0
    assert output.closed == 1


def test_a_failure_to_close_is_raised() -> None:
    with pytest.raises(OutputError, match="disk full"), Output("disk full"):
        pass


def test_the_error_that_ended_the_run_is_the_one_that_is_raised(
    caplog: pytest.LogCaptureFixture,
) -> None:
    output = Output("disk full")
    with pytest.raises(KeyError, match="first"), output:
        raise KeyError("first")
    assert output.closed == 1
    assert caplog.messages == ["disk full"]
