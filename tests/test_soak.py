"""The soak benchmark: its figures, its detection of growth, and a short run."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks.soak import JUDGED, Limits, Sample, by_minute, judge
from tests.benchmarks.soak_samples import (
    NOTHING,
    Held,
    held_by,
    held_by_family,
    least_growth,
    slope_of,
)
from tests.conftest import ROOT
from tests.transport.servers import nats_program
from tests.video.rtsp import need_server
from tests.waiting import wait_until

needs_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")


@needs_proc
def test_what_a_process_holds_is_seen(tmp_path: Path) -> None:
    """Measured in a separate process, since the memory of earlier tests varies in this one."""
    code = """if True:
        import threading
        print("ready", flush=True)
        input()
        block = bytearray(b"x") * (64 * 2**20)
        file = open("held", "wb")
        threading.Thread(target=threading.Event().wait, daemon=True).start()
        print("held", flush=True)
        input()
    """
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n"
            before = held_by(process.pid)
            process.stdin.write("\n")
            process.stdin.flush()
            assert process.stdout.readline() == "held\n"
            after = held_by(process.pid)
        finally:
            process.communicate("\n")
    # Half of the block is enough: pages that a full machine has swapped out do not count.
    assert after.anonymous_mib - before.anonymous_mib > 32
    assert after.rss_mib >= after.anonymous_mib
    assert after.threads == before.threads + 1
    assert after.descriptors == before.descriptors + 1


@needs_proc
def test_a_family_is_a_process_and_all_below_it() -> None:
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'])"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as process:
        try:
            while held_by_family(process.pid).threads < 2:
                assert process.poll() is None
            assert held_by(process.pid).threads == 1
        finally:
            process.communicate(b"\n")
    assert held_by(process.pid) == NOTHING


def test_slope_and_its_error() -> None:
    random = np.random.default_rng(0)
    times_s = np.arange(0, 900, 10.0)
    found = [
        slope_of(times_s, 100 + 30 * times_s / 3600 + random.normal(0, 1, len(times_s)))
        for _ in range(200)
    ]
    inside = [abs(one.per_hour - 30) < 1.96 * one.error for one in found]
    assert np.mean([one.per_hour for one in found]) == pytest.approx(30, abs=0.5)
    assert 0.88 < np.mean(inside) <= 1
    exact = slope_of([0, 10, 20], [1, 2, 3])
    assert exact.per_hour == pytest.approx(360)
    assert exact.error == pytest.approx(0, abs=1e-6)
    assert slope_of([0, 10], [1, 2]).error == np.inf


def test_a_walk_without_a_direction_is_no_growth() -> None:
    """Memory changes in lasting steps: neighbouring samples correlate, and the error is larger."""
    random = np.random.default_rng(1)
    times_s = np.arange(0, 900, 10.0)
    noise = np.convolve(random.normal(0, 1, 120), np.ones(20), "valid")[: len(times_s)]
    plain = slope_of(times_s, random.permutation(noise))
    assert slope_of(times_s, noise).error > 2 * plain.error


def test_what_comes_and_goes_is_no_growth() -> None:
    assert least_growth([5, 9, 5, 5, 9, 9, 9, 5, 9]) == 0
    assert least_growth([5, 6, 6, 7, 7, 8, 8, 9, 9]) == 3
    assert least_growth([5]) == least_growth([]) == 0


def steady(count: int = 91) -> list[Sample]:
    """Samples of fifteen minutes in which nothing happens."""
    held = dict.fromkeys([*JUDGED, "broker"], Held(100.0, 50.0, 10, 20))
    edge = {'reid_frame_age_seconds{camera="a"}': 0.3, "reid_spool_messages": 0.0}
    centre = {"reid_broker_pending": 3.0, "reid_edge_gaps_total": 0.0}
    return [Sample(10.0 * n, dict(held), dict(edge), dict(centre)) for n in range(count)]


def grow(name: str, mib: float = 0, threads: float = 0, files: float = 0) -> Callable[..., None]:
    """Let a process grow by a given amount in an hour."""

    def change(samples: list[Sample]) -> None:
        for one in samples:
            held, hours = one.held[name], one.at_s / 3600
            one.held[name] = replace(
                held,
                anonymous_mib=held.anonymous_mib + mib * hours,
                threads=held.threads + int(threads * hours),
                descriptors=held.descriptors + int(files * hours),
            )

    return change


def put(part: str, name: str, value: float, number: int = 60) -> Callable[..., None]:
    def change(samples: list[Sample]) -> None:
        getattr(samples[number], part)[name] = value

    return change


def silence(samples: list[Sample]) -> None:
    samples[40].edge.clear()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda samples: None, None),
        (grow("edge", mib=10), None),
        (grow("broker", mib=500), None),
        (grow("edge", mib=60), "edge grows by +60.0"),
        (grow("centre", mib=130), "centre grows by +130.0"),
        (grow("edge", threads=60), "more threads"),
        (grow("centre", files=60), "more descriptors"),
        (put("edge", 'reid_frame_age_seconds{camera="b"}', 9), "was 9.0 s old"),
        (put("edge", 'reid_frame_age_seconds{camera="b"}', 9, number=3), None),
        (put("edge", "reid_spool_messages", 900), "900 messages wait on the camera host's disk"),
        (put("centre", "reid_broker_pending", 900), "900 messages wait in the broker"),
        (put("centre", "reid_edge_gaps_total", 2, number=-1), "2 messages were lost"),
        (put("edge", "reid_spool_dropped_total", 1, number=-1), "1 messages were lost"),
        (silence, "1 of 91 times a status page did not answer"),
    ],
)
def test_what_breaks_a_limit_is_told(change: Callable[..., None], message: str | None) -> None:
    samples = steady()
    change(samples)
    table, wrong = judge(samples, 300.0, Limits())
    assert len(table.splitlines()) == 5
    if message is None:
        assert wrong == []
    else:
        assert len(wrong) == 1
        assert message in wrong[0]
    assert len(by_minute(samples).splitlines()) == 2 + 16


@pytest.mark.long
@pytest.mark.timeout(600)
@needs_proc
def test_a_short_soak() -> None:
    need_server()
    nats_program()
    # Growth of a first minute is that of a start; how old frames get is the machine's business.
    words = ["--minutes", "1", "--cameras", "2", "--warm-minutes", "0.4"]
    words += ["--growth", "100000", "--oldest", "60", "--more", "100"]
    soak = begin(words)
    try:
        told, errors = soak.communicate(timeout=400)
    finally:
        end(soak, signal.SIGINT)
    assert soak.returncode == 0, f"{told}\n{errors}"
    assert "All limits are kept." in told
    rows = [line for line in told.splitlines() if line.startswith("| 0 |")]
    assert len(rows) == 1


@pytest.mark.long
@pytest.mark.timeout(600)
@needs_proc
def test_a_soak_that_is_ended_leaves_no_process() -> None:
    need_server()
    nats_program()
    psutil = pytest.importorskip("psutil")
    soak = begin(["--minutes", "10", "--cameras", "1"])
    try:
        root = psutil.Process(soak.pid)
        # Cameras, broker, centre and camera host.
        wait_until(lambda: len(root.children()) >= 4, "for four processes")
        parts = root.children()
    finally:
        end(soak, signal.SIGTERM)
    assert soak.returncode == 128 + signal.SIGTERM
    assert not [one for one in parts if one.is_running()]


def begin(words: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.soak", *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(soak: subprocess.Popen[str], number: int) -> None:
    """End a running soak with all its processes."""
    if soak.poll() is None:
        soak.send_signal(number)
    try:
        soak.communicate(timeout=60)
    finally:
        soak.kill()
