"""Stages at the same time: the results of one after the other, and an end whatever happens."""

from __future__ import annotations

import gc
import itertools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from reid_tracker import pipeline
from reid_tracker.config import Config, DeepSortConfig, EncoderConfig, MatchConfig, OutputConfig
from reid_tracker.overlap import Overlap, StageTimes
from reid_tracker.run.tracking import track
from reid_tracker.run.writer import ResultWriter
from reid_tracker.video import av_source
from tests.benchmarks.overlap import follow, in_turn, repeated
from tests.cli.commands.test_track import decoded_frames
from tests.conftest import FRAMES, ROOT, write_video
from tests.test_pipeline import ColourEncoder, WalkerDetector
from tests.waiting import PATIENCE_S, wait_until


def threads() -> set[threading.Thread]:
    return set(threading.enumerate())


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = threads()
    yield
    gc.collect()
    wait_until(lambda: not threads() - before, threads() - before)


def count(most: int, made: list[int]) -> Generator[int]:
    for number in range(most):
        made.append(number)
        yield number


def doubled(numbers: Iterable[int]) -> Generator[int]:
    for number in numbers:
        yield 2 * number


def test_items_keep_their_order_through_all_stages() -> None:
    with Overlap() as overlap:
        numbers = overlap.ahead("count", count(1000, []))
        twice = overlap.ahead("double", doubled(numbers))
        assert list(twice) == list(range(0, 2000, 2))
        assert next(twice, None) is None


@pytest.mark.parametrize("depth", [1, 3])
def test_a_stage_works_ahead_as_far_as_it_may(depth: int) -> None:
    made: list[int] = []
    with Overlap() as overlap:
        numbers = overlap.ahead("count", count(1000, made), depth=depth)
        for number in itertools.islice(numbers, 10):
            wait_until(lambda number=number: len(made) == number + 1 + depth, made)  # type: ignore[misc]
        assert len(made) == 10 + depth


def test_without_depth_an_item_is_made_when_it_is_asked_for() -> None:
    made: list[int] = []
    with Overlap() as overlap:
        numbers = overlap.ahead("count", count(1000, made), depth=0)
        assert made == []
        assert [next(numbers), next(numbers)] == made == [0, 1]


def test_an_error_comes_after_the_items_before_it_and_ends_the_stage() -> None:
    def failing() -> Generator[int]:
        yield from range(5)
        raise KeyError("broken")

    seen: list[int] = []
    with Overlap() as overlap:
        twice = overlap.ahead("double", doubled(overlap.ahead("count", failing())))
        with pytest.raises(KeyError, match="broken"):
            seen.extend(iter(lambda: next(twice), None))
        assert next(twice, None) is None


def test_generators_are_closed_in_their_threads_when_the_user_stops_early() -> None:
    closed = []

    def careful() -> Generator[int]:
        try:
            yield from itertools.count()
        finally:
            closed.append(threading.current_thread().name)

    with Overlap() as overlap:
        numbers = overlap.ahead("double", doubled(overlap.ahead("count", careful())))
        next(numbers)
    assert closed == ["count"]


def test_a_stuck_thread_is_left_behind() -> None:
    stuck, answer = threading.Event(), threading.Event()

    def silent() -> Generator[int]:
        stuck.set()
        answer.wait(PATIENCE_S)
        yield 1

    before = threads()
    with Overlap() as overlap:
        overlap.ahead("silent", silent())
        assert stuck.wait(PATIENCE_S)
    assert {thread.name for thread in threads() - before} == {"silent"}
    answer.set()


def test_an_overlap_that_nobody_closes_ends_with_its_last_reference() -> None:
    overlap = Overlap()
    next(overlap.ahead("count", count(1000, [])))
    del overlap


def test_times_add_up_also_after_an_error() -> None:
    times = StageTimes()
    for error in (None, ValueError()):
        try:
            with times.measure("work"):
                if error is not None:
                    raise error
        except ValueError:
            pass
    assert list(times.seconds) == ["work"]
    assert times.seconds["work"] > 0


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch) -> Config:
    """Two people who are told apart by their colours, on any number of cameras."""
    monkeypatch.setattr(pipeline, "build_detector", lambda _: WalkerDetector())
    monkeypatch.setattr(pipeline, "encoder_or_none", lambda _: ColourEncoder())
    return Config(
        encoder=EncoderConfig(model="none"),
        tracker=DeepSortConfig(min_confidence=0.3, high_confidence=0.5, max_cosine_distance=0.3),
        match=MatchConfig(min_hits=3, patience_s=0.5, loose=0.1, tight=0.1),
        output=OutputConfig(csv=True, crops=True, heatmap=True, pictures=False, refine=True),
    )


@pytest.fixture
def two_cameras(tmp_path: Path) -> list[str]:
    """Files of different rates and lengths."""
    write_video(tmp_path / "a.mp4", FRAMES, Fraction(10))
    write_video(tmp_path / "b.mp4", FRAMES // 3, Fraction(5))
    return [str(tmp_path / "a.mp4"), str(tmp_path / "b.mp4")]


@pytest.mark.slow
@pytest.mark.parametrize("frames_per_batch", [1, 4])
@pytest.mark.parametrize("cameras", [1, 2])
def test_all_files_are_those_of_one_stage_after_the_other(
    config: Config,
    two_cameras: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cameras: int,
    frames_per_batch: int,
) -> None:
    config = replace(config, video=replace(config.video, frames_per_batch=frames_per_batch))
    overlapped = track(two_cameras[:cameras], config, tmp_path / "overlapped")
    monkeypatch.setattr(Overlap, "ahead", in_turn)
    sequential = track(two_cameras[:cameras], config, tmp_path / "sequential")
    names = sorted(path.relative_to(sequential) for path in sequential.rglob("*.*"))
    assert names == sorted(path.relative_to(overlapped) for path in overlapped.rglob("*.*"))
    assert len(names) > 6 * cameras
    for name in names:
        assert (sequential / name).read_bytes() == (overlapped / name).read_bytes(), name
    assert decoded_frames(overlapped / "a.mp4") == FRAMES


def breaking(function: Callable[..., Any], at: int) -> Callable[..., Any]:
    """Let a function or method fail at the call of this number, from 0, and afterwards."""
    calls = itertools.count()

    def broken(*words: Any, **more: Any) -> Any:
        if next(calls) >= at:
            raise RuntimeError("broken")
        return function(*words, **more)

    return broken


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["read", "detect", "encode", "track", "match", "write"])
def test_an_error_in_a_stage_ends_the_run_with_whole_files(
    config: Config,
    two_cameras: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stage: str,
) -> None:
    place, name = {
        "read": (av_source, "to_upright_bgr"),
        "detect": (WalkerDetector, "detect"),
        "encode": (ColourEncoder, "_look"),
        "track": (pipeline, "FrameResult"),
        "match": (pipeline, "replace"),
        "write": (ResultWriter, "write"),
    }[stage]
    monkeypatch.setattr(place, name, breaking(getattr(place, name), at=20))
    with pytest.raises(RuntimeError, match="broken"):
        track(two_cameras, config, tmp_path / "out")
    for camera in "ab":
        lines = (tmp_path / "out" / f"{camera}.jsonl").read_text().splitlines()
        assert 0 < len(lines) < FRAMES
        assert decoded_frames(tmp_path / "out" / f"{camera}.mp4") == len(lines)


_HANGS = """
import threading
from reid_tracker import pipeline
from reid_tracker.cli.program import program
from tests.test_pipeline import ColourEncoder, WalkerDetector

class Hangs(WalkerDetector):
    def detect_batch(self, images, frame_indices=None):
        if frame_indices[0] == 20:
            print("hangs", flush=True)
            threading.Event().wait()
        return super().detect_batch(images, frame_indices)

pipeline.build_detector = lambda _: Hangs()
pipeline.encoder_or_none = lambda _: ColourEncoder()
program()
"""


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_run_whose_detector_hangs(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    video = write_video(tmp_path / "a.mp4")
    words = [video, "--encoder", "none", "--quiet", "-o", tmp_path / "out"]
    process = subprocess.Popen(
        [sys.executable, "-c", _HANGS, *map(str, words)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "hangs\n"
    text = tmp_path / "out" / "a.jsonl"
    wait_until(lambda: text.read_text().count("\n") == 20)
    process.send_signal(number)
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == code, errors
    assert errors.splitlines() == ["interrupted" if number == signal.SIGINT else "terminated"]
    assert len(text.read_text().splitlines()) == decoded_frames(tmp_path / "out" / "a.mp4") == 20


@pytest.mark.slow
def test_the_benchmark_repeats_a_clip_and_follows_the_memory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = write_video(tmp_path / "a.mp4")
    longer = repeated(clip, 2 * FRAMES + 5, tmp_path / "longer.mp4")
    assert decoded_frames(longer) == 2 * FRAMES + 5
    follow(200)
    rows = capsys.readouterr().out.splitlines()[2:]
    assert [row.split("|")[1].strip() for row in rows] == [
        str(number) for number in range(20, 201, 20)
    ]
    assert all(float(row.split("|")[2]) > 10 for row in rows)
