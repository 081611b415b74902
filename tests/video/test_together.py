"""Sources read side by side, with stand-ins that need neither files nor cameras."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from fractions import Fraction

import pytest

from reid_tracker.errors import ConfigError
from reid_tracker.types import Frame, SourceState, SourceStatus, VideoInfo
from reid_tracker.video import SourceGroup
from reid_tracker.video.source import BaseSource
from tests.video.test_source import IMAGE

Batch = list[tuple[str, float]]


class ToyFile(BaseSource):
    """A file of a few frames at its own rate."""

    def __init__(self, name: str, rate: int, frames: int) -> None:
        super().__init__(name, VideoInfo(4, 2, Fraction(rate)), 1)
        self._rate, self._count = rate, frames

    def _read(self) -> Iterator[Frame]:
        for index in range(self._count):
            yield Frame(IMAGE, index, index / self._rate)

    def _release(self) -> None:
        pass


class ToyCamera(ToyFile):
    """A camera whose pictures the test takes."""

    label = "rtsp://toy"
    began_s: float | None = None
    state = SourceState.LIVE

    def __init__(self, name: str) -> None:
        super().__init__(name, 10, 0)
        self.pictures: list[float] = []
        self.bell: threading.Event | None = None

    def poll(self) -> Frame | None:
        if not self.pictures:
            return None
        captured_s = self.pictures.pop(0)
        return Frame(IMAGE, 0, captured_s - (self.began_s or 0.0), captured_s)

    def ring(self, bell: threading.Event) -> None:
        self.bell = bell

    def waiting_since(self) -> float | None:
        return self.pictures[0] if self.pictures else None

    def status(self) -> SourceStatus:
        return SourceStatus(self.name, self.state, 0.0)

    def announce(self) -> None:
        pass


def times(group: SourceGroup) -> Batch:
    return [(name, round(frame.timestamp_s, 3)) for name, frame in group.take()]


@pytest.mark.parametrize("frames_per_batch", [1, 8])
def test_files_in_step_come_in_order_of_time(frames_per_batch: int) -> None:
    sources = [ToyFile("fast", 10, 40), ToyFile("slow", 4, 16), ToyFile("short", 25, 20)]
    group = SourceGroup(sources, frames_per_batch, in_step=True)
    found: Batch = []
    largest = 0
    while not group.ended():
        for name in {name for name, _ in found[-largest:]}:
            assert group.expects(name) or found[-1][1] > 0.7  # none ends before its last frame
        batch = times(group)
        largest = max(largest, len(batch))
        found += batch
    assert largest == 3 * frames_per_batch
    assert [time_s for _, time_s in found] == sorted(time_s for _, time_s in found)
    for source in sources:
        assert sum(name == source.name for name, _ in found) == source._count


def test_files_in_step_follow_the_slowest() -> None:
    group = SourceGroup([ToyFile("fast", 10, 4), ToyFile("slow", 5, 2)], in_step=True)
    batches = []
    while not group.ended():
        batches.append(times(group))
    assert batches[:3] == [
        [("fast", 0.0), ("slow", 0.0)],
        [("fast", 0.1), ("fast", 0.2)],
        [("slow", 0.2), ("fast", 0.3)],
    ]
    assert [one for batch in batches for one in batch if one[0] == "fast"][-1] == ("fast", 0.3)
    assert not group.expects("slow")


def test_a_batch_holds_several_frames_of_a_file() -> None:
    group = SourceGroup([ToyFile("a", 10, 3)], frames_per_batch=2)
    assert times(group) == [("a", 0.0), ("a", 0.1)]
    assert times(group) == [("a", 0.2)]
    assert times(group) == []
    assert group.ended()


def test_cameras_share_the_time_of_the_first_picture_and_come_in_order() -> None:
    first, second = ToyCamera("first"), ToyCamera("second")
    group = SourceGroup([first, second])
    assert times(group) == []
    second.pictures = [1000.0]
    assert times(group) == [("second", 0.0)]
    first.pictures, second.pictures = [1000.7], [1000.2]
    assert times(group) == [("second", 0.2), ("first", 0.7)]
    late = ToyCamera("late")
    group.add(late)
    late.pictures = [1005.0]
    assert times(group) == [("late", 5.0)]


def test_expects_only_cameras_that_deliver() -> None:
    camera = ToyCamera("door")
    group = SourceGroup([camera])
    assert group.expects("door")
    camera.state = SourceState.STALLED
    assert not group.expects("door")
    assert not group.ended()
    camera.close()
    assert group.ended()


def test_sources_come_and_go_by_name() -> None:
    group = SourceGroup([ToyFile("a", 10, 3)])
    with pytest.raises(ConfigError, match="a source 'a' already"):
        group.add(ToyFile("a", 10, 3))
    group.add(ToyFile("b", 10, 3))
    assert [name for name, _ in group.take()] == ["a", "b"]
    group.remove("a")
    group.remove("nobody")
    assert [name for name, _ in group.take()] == ["b"]
    with pytest.raises(ConfigError, match="share a name"):
        SourceGroup([ToyFile("a", 10, 1), ToyFile("a", 10, 1)])


def test_waiting_ends_when_the_bell_rings() -> None:
    camera = ToyCamera("door")
    group = SourceGroup([camera])
    assert camera.bell is not None
    camera.bell.set()
    group.wait()  # returns at once
    group.take()
    assert not camera.bell.is_set()
