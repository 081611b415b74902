"""A group of sinks is used as one."""

from __future__ import annotations

from pathlib import Path

import pytest

from reid_tracker.errors import OutputError
from reid_tracker.sink import Sink, SinkGroup
from reid_tracker.types import FrameResult
from tests.sink.results import make_result


class Recorder:
    """A sink that notes its closing, and may fail to."""

    def __init__(self, log: list[str], name: str, error: BaseException | None = None) -> None:
        self.path = Path(name)
        self.log = log
        self.error = error

    def write(self, result: FrameResult) -> None:
        self.log.append(f"write {self.path}")

    def close(self) -> None:
        self.log.append(f"close {self.path}")
        if self.error is not None:
            raise self.error


@pytest.mark.parametrize("error", [OutputError("full"), KeyboardInterrupt()])
def test_group_closes_all_where_one_fails(error: BaseException) -> None:
    log: list[str] = []
    sinks: list[Sink] = [Recorder(log, "a", error), Recorder(log, "b", error), Recorder(log, "c")]
    group = SinkGroup(sinks)
    group.write(make_result())
    with pytest.raises(type(error)):
        group.close()
    assert log == ["write a", "write b", "write c", "close a", "close b", "close c"]
