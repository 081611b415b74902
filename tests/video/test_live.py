"""Network cameras that fail in every way, with real servers: killed, frozen, refused, changed."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from reid_tracker.config import StreamConfig
from reid_tracker.errors import ConfigError, SourceError
from reid_tracker.types import Frame, ImageBGR, SourceState
from reid_tracker.video import LiveSource, SourceGroup, open_source, open_sources
from tests.video.rtsp import Camera, decoded, need_server, number_of, write_scene
from tests.waiting import wait_until

QUICK = StreamConfig(
    open_timeout_s=2, read_timeout_s=1.5, stall_after_s=1, reconnect_after_s=0.1, hardware="none"
)
_SLACK = 10.0  # the machine may be busy with other tests


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    need_server()
    return write_scene(tmp_path_factory.mktemp("clip") / "door.mp4")


@pytest.fixture(scope="module")
def sound(clip: Path) -> list[ImageBGR]:
    return decoded(clip)


@pytest.fixture
def camera(clip: Path) -> Iterator[Camera]:
    with Camera({"door": clip}) as camera:
        yield camera


def opened(url: str, config: StreamConfig = QUICK) -> LiveSource:
    source = open_source(url, stream=config)
    assert isinstance(source, LiveSource)
    return source


def take(source: LiveSource, count: int) -> list[Frame]:
    """Poll for frames, often enough to lose none."""
    frames: list[Frame] = []

    def enough() -> bool:
        if (frame := source.poll()) is not None:
            frames.append(frame)
        return len(frames) >= count

    wait_until(enough, f"for {count} frames", step_s=0.005)
    return frames


def has_read(source: LiveSource, frames: int) -> Callable[[], bool]:
    return lambda: source.status().frames >= frames


def is_in(source: LiveSource, state: SourceState) -> Callable[[], bool]:
    return lambda: source.status().state is state


def assert_times_increase(frames: list[Frame]) -> None:
    for earlier, later in pairwise(frames):
        assert later.timestamp_s > earlier.timestamp_s
        assert later.index > earlier.index
        assert later.captured_s is not None
        assert earlier.captured_s is not None
        assert later.captured_s > earlier.captured_s


# --- a camera that works ---------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_pixels_are_those_of_the_source(
    camera: Camera, sound: list[ImageBGR], transport: str
) -> None:
    with opened(camera.url(), replace(QUICK, transport=transport)) as source:
        frames = take(source, 45)
        for frame in frames:
            np.testing.assert_array_equal(frame.image, sound[number_of(frame.image)])
        assert frames[0].timestamp_s == 0
        assert_times_increase(frames)
        status = source.status()
        assert status.state is SourceState.LIVE
        assert status.damaged == 0
        assert status.frames >= 45
        assert (source.info.width, source.info.height) == (320, 240)
        assert source.info.frame_rate == 10


@pytest.mark.slow
def test_time_is_the_cameras_own(camera: Camera) -> None:
    with opened(camera.url()) as source:
        wait_until(lambda: source.status().clock == "rtcp")
        (frame,) = take(source, 1)
        status = source.status()
    assert frame.captured_s is not None
    assert abs(time.time() - frame.captured_s) < _SLACK
    assert status.clock_offset_s is not None
    assert abs(status.clock_offset_s) < 1
    assert status.clock_jumps == 0


@pytest.mark.slow
def test_slow_reader_gets_the_newest_frame_and_a_count_of_the_rest(camera: Camera) -> None:
    with opened(camera.url()) as source:
        wait_until(has_read(source, 1))
        taken = 0
        for _ in range(5):
            wait_until(has_read(source, source.status().frames + 5))
            before = source.status().frames
            frame = source.poll()
            assert frame is not None
            assert frame.index >= before - 1
            taken += 1
        status = source.status()
        assert status.dropped >= 5
        assert taken + status.dropped <= status.frames <= taken + status.dropped + 1


@pytest.mark.slow
def test_iterating_waits_for_frames(camera: Camera) -> None:
    with opened(camera.url()) as source:
        frames = [frame for frame, _ in zip(source, range(5), strict=False)]
        assert_times_increase(frames)
        threading.Timer(0.5, source.close).start()
        frames += list(source)
    assert len(frames) > 5


@pytest.mark.slow
def test_stride_and_rotation(camera: Camera, sound: list[ImageBGR], tmp_path: Path) -> None:
    cameras = tmp_path / "cameras.yaml"
    cameras.write_text(f"cameras:\n- name: door\n  url: {camera.url()}\n  rotate: 90\n")
    (source,) = open_sources([str(cameras)], stride=3, stream=QUICK)
    with source:
        assert isinstance(source, LiveSource)
        frames = take(source, 5)
        assert source.name == "door"
    for frame in frames:
        assert frame.index % 3 == 0
        upright = np.rot90(frame.image)  # back, counter-clockwise
        np.testing.assert_array_equal(upright, sound[number_of(upright)])


# --- a camera that fails ---------------------------------------------------------------------


@pytest.mark.slow
def test_killed_and_returned(camera: Camera, sound: list[ImageBGR]) -> None:
    with opened(camera.url(), StreamConfig()) as source:
        frames = take(source, 5)
        camera.kill()
        wait_until(is_in(source, SourceState.GONE))
        # By then, the wait between attempts is the longest.
        wait_until(lambda: source.status().since_s > 5)
        status = source.status()
        assert "refused" in status.reason
        if (last := source.poll()) is not None:  # arrived just before
            frames.append(last)
        assert source.poll() is None
        gone = len(frames)
        camera.start()
        back = time.monotonic()
        frames += take(source, 5)
        assert time.monotonic() - back < 3 + _SLACK
        assert source.status().reconnects == 1
    for frame in frames:
        np.testing.assert_array_equal(frame.image, sound[number_of(frame.image)])
    assert_times_increase(frames)
    pause_s = frames[gone].timestamp_s - frames[gone - 1].timestamp_s
    assert pause_s > 4.5  # time did not stop while the camera was away


@pytest.mark.slow
def test_frozen_and_thawed(camera: Camera, sound: list[ImageBGR]) -> None:
    with opened(camera.url(), StreamConfig()) as source:
        frames = take(source, 5)
        camera.freeze()
        try:
            wait_until(is_in(source, SourceState.STALLED))
            wait_until(is_in(source, SourceState.GONE))
            assert source.status().reason == "nothing came for 4 s"
        finally:
            camera.thaw()
        frames += take(source, 5)
    for frame in frames:
        np.testing.assert_array_equal(frame.image, sound[number_of(frame.image)])
    assert_times_increase(frames)


@pytest.mark.slow
def test_one_frozen_camera_does_not_slow_another(clip: Path) -> None:
    with Camera({"a": clip}) as first, Camera({"b": clip}) as second:
        urls = [first.url("a"), second.url("b")]
        sources = open_sources(urls, stream=QUICK)
        group = SourceGroup(sources, in_step=True)
        names = [source.name for source in sources]
        seen: dict[str, int] = dict.fromkeys(names, 0)

        def read_until(enough: Callable[[], bool]) -> None:
            end = time.monotonic() + 60
            while not enough():
                assert time.monotonic() < end, seen
                for name, _ in group.take():
                    seen[name] += 1
                group.wait()

        read_until(lambda: min(seen.values()) > 5)
        assert all(group.expects(name) for name in names)
        first.freeze()
        try:
            # What was on the way arrives before the frozen camera stalls.
            read_until(lambda: not group.expects(names[0]))
            seen = dict.fromkeys(names, 0)
            read_until(lambda: seen[names[1]] >= 20)
            assert seen[names[0]] == 0, seen
            assert [group.expects(name) for name in names] == [False, True]
        finally:
            first.thaw()
        for source in sources:
            source.close()
        assert group.ended()


@pytest.mark.slow
def test_cameras_share_one_time(clip: Path) -> None:
    with Camera({"a": clip, "b": clip}) as camera:
        (first,) = open_sources([camera.url("a")], stream=QUICK)
        wait_until(lambda: isinstance(first, LiveSource) and first.status().frames >= 10)
        (second,) = open_sources([camera.url("b")], stream=QUICK)
        group = SourceGroup([first, second])
        times: dict[str, list[float]] = {first.name: [], second.name: []}
        while min(map(len, times.values())) < 20:
            for name, frame in group.take():
                assert frame.captured_s is not None
                times[name].append(frame.captured_s - frame.timestamp_s)
            group.wait()
        first.close()
        second.close()
    assert np.ptp(np.concatenate(list(times.values()))) < 1e-6


@pytest.mark.slow
def test_wrong_password_is_refused_once_and_told_once(
    clip: Path, caplog: pytest.LogCaptureFixture
) -> None:
    words = ("--user", "admin", "--password", "p@ss/w:rd#1")
    with Camera({"door": clip}, *words) as camera:
        with pytest.raises(SourceError, match="user or password refused") as caught:
            opened(camera.url(credentials="admin:hunter2@"))
        assert "hunter2" not in str(caught.value)
        assert "***" in str(caught.value)

        before = camera.clients()
        good = camera.url(credentials="admin:p%40ss%2Fw:rd%231@")
        bad = camera.url(credentials="admin:hunter2@")
        sources = open_sources([good, bad], stream=replace(QUICK, refused_after_s=60))
        healthy = sources[0]
        assert isinstance(healthy, LiveSource)
        wait_until(has_read(healthy, 40))  # four seconds
        states = [source.status() for source in sources if isinstance(source, LiveSource)]
        assert [status.state for status in states] == [SourceState.LIVE, SourceState.GONE]
        assert camera.clients() - before == 2  # one each: no hammering
        for source in sources:
            source.close()
    lines = [record.getMessage() for record in caplog.records if "refused" in record.getMessage()]
    assert len(lines) == 1
    assert "hunter2" not in caplog.text
    assert "p@ss" not in caplog.text


@pytest.mark.slow
def test_waits_after_a_refusal_grow(clip: Path) -> None:
    with Camera({"door": clip}, "--user", "admin", "--password", "right") as camera:
        urls = [camera.url(credentials=f"admin:{word}@") for word in ("right", "wrong")]
        sources = open_sources(urls, stream=replace(QUICK, refused_after_s=0.5))
        # Attempts at 0, 0.5, 1.5 and 3.5 s, and those of the camera that is let in.
        start = time.monotonic()
        wait_until(lambda: camera.clients() >= 5)
        assert time.monotonic() - start > 3.0
        for source in sources:
            source.close()


@pytest.mark.slow
def test_no_such_stream(camera: Camera) -> None:
    with pytest.raises(SourceError, match="404"):
        opened(camera.url("window"))


@pytest.mark.slow
def test_server_that_accepts_and_never_answers(camera: Camera) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        urls = [f"rtsp://127.0.0.1:{silent.getsockname()[1]}/live", camera.url()]
        start = time.monotonic()
        mute, good = open_sources(urls, stream=QUICK)
        assert time.monotonic() - start < 1.5 + _SLACK  # nobody waited for it
        assert isinstance(mute, LiveSource)
        assert isinstance(good, LiveSource)
        assert mute.status().state is SourceState.CONNECTING
        take(good, 10)
        wait_until(is_in(mute, SourceState.GONE))
        assert mute.status().reason == "no answer within 2 s"
        start = time.monotonic()
        mute.close()
        good.close()
        assert time.monotonic() - start < _SLACK


@pytest.mark.slow
def test_none_of_several_cameras_answers() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        urls = [f"rtsp://127.0.0.1:{free.getsockname()[1]}/{name}" for name in "ab"]
        with pytest.raises(SourceError, match=r"connection refused.*nor 1 other"):
            open_sources(urls, stream=QUICK)
    ours = f"_{urls[0].split(':')[2].partition('/')[0]}_"
    wait_until(lambda: not [thread for thread in threading.enumerate() if ours in thread.name])


@pytest.mark.slow
def test_camera_that_comes_back_with_another_size(
    camera: Camera, sound: list[ImageBGR], tmp_path: Path
) -> None:
    larger = write_scene(tmp_path / "large.mp4", scale=2)
    with opened(camera.url()) as source:
        assert take(source, 3)[-1].image.shape == (240, 320, 3)
        camera.kill()
        camera.start({"door": larger})
        wait_until(lambda: take(source, 1)[0].image.shape == (480, 640, 3))
        frames = take(source, 3)
        assert source.info.width == 640
    large = decoded(larger)
    for frame in frames:
        np.testing.assert_array_equal(frame.image, large[number_of(frame.image)])


@pytest.mark.slow
@pytest.mark.parametrize("jump_s", [-5000, 5000])
def test_camera_whose_clock_jumps(
    clip: Path, sound: list[ImageBGR], jump_s: int, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        Camera({"door": clip}, "--jump-after", "30", "--jump-s", str(jump_s)) as camera,
        opened(camera.url()) as source,
    ):
        frames = take(source, 60)
        status = source.status()
    for frame in frames:
        np.testing.assert_array_equal(frame.image, sound[number_of(frame.image)])
    assert_times_increase(frames)
    assert frames[-1].timestamp_s < 6 + _SLACK
    assert status.clock_jumps == 1
    assert status.clock == "arrival"
    assert sum("clock" in record.getMessage() for record in caplog.records) == 1


@pytest.mark.slow
def test_camera_whose_clock_was_never_set(clip: Path) -> None:
    with Camera({"door": clip}, "--clock-never-set") as camera, opened(camera.url()) as source:
        wait_until(lambda: source.status().clock_offset_s is not None)
        (frame,) = take(source, 1)
        status = source.status()
    assert status.clock == "arrival"
    assert status.clock_offset_s is not None
    assert status.clock_offset_s > 1e9
    assert frame.captured_s is not None
    assert abs(time.time() - frame.captured_s) < _SLACK


@pytest.mark.long
def test_forty_reconnects_leave_nothing_behind(camera: Camera) -> None:
    def costs() -> tuple[int, int, int]:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        threads, files = (len(os.listdir(f"/proc/self/{kind}")) for kind in ("task", "fd"))
        return threads, files, pages * 4096

    with opened(camera.url()) as source:
        take(source, 3)
        for number in range(41):
            camera.kill()
            wait_until(is_in(source, SourceState.GONE))
            camera.start()
            take(source, 3)
            if number == 10:
                before = costs()
        after = costs()
        assert source.status().reconnects == 41
    assert after[0] <= before[0]
    assert after[1] <= before[1] + 2
    assert after[2] < before[2] + 8e6


# --- what is asked for ------------------------------------------------------------------------


@pytest.mark.slow
def test_unknown_transport_and_hardware_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"stream\.transport = 'smoke': expected tcp or udp"):
        open_source("rtsp://127.0.0.1:9/x", stream=StreamConfig(transport="smoke"))
    with pytest.raises(ConfigError, match=r"stream\.hardware = abacus: .*expected auto, none"):
        open_source("rtsp://127.0.0.1:9/x", stream=StreamConfig(hardware="abacus"))


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("REID_NEED_RTSP"), reason="not on CI: set REID_NEED_RTSP")
def test_the_server_is_there() -> None:
    need_server()
