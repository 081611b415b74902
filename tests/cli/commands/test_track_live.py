"""`reid-track` on network cameras: outputs, reports and errors when they fail, and Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from reid_tracker.cli.main import main
from reid_tracker.cli.report import describe_cameras
from reid_tracker.types import SourceState, SourceStatus
from tests.conftest import ROOT, write_detections
from tests.video.rtsp import Camera, need_server, write_scene
from tests.waiting import wait_until

SECRET = "hunter2"  # noqa: S105


@pytest.fixture
def camera(tmp_path: Path) -> Iterator[Camera]:
    need_server()
    with Camera({"door": write_scene(tmp_path / "small.mp4")}) as camera:
        yield camera


class Run:
    """A run in a process of its own."""

    def __init__(
        self,
        source: str,
        folder: Path,
        *words: str,
        models: tuple[str, ...] | None = None,
        **environment: str,
    ) -> None:
        if models is None:
            detections = write_detections(folder / "det.txt", frames=1000)
            models = ("--detector", str(detections), "--encoder", "none")
        options = [*models, "-o", str(folder / "out")]
        options += ["--set", "stream.hardware=none", *words]
        self.folder = folder / "out"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "reid_tracker.cli.program", source, *options],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def lines(self) -> list[dict[str, object]]:
        return [
            json.loads(line)
            for path in self.folder.glob("*.jsonl")
            for line in path.read_text().splitlines()
        ]

    def wait_for_lines(self, count: int) -> None:
        def enough() -> bool:
            assert self.process.poll() is None, self.process.communicate()
            return len(self.lines()) >= count

        wait_until(enough)

    def interrupt(self) -> tuple[float, str, str]:
        """Press Ctrl-C; returns the seconds until the end, and what was printed."""
        start = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        self.process.wait(20)
        took_s = time.monotonic() - start
        printed, errors = self.process.communicate()
        return took_s, printed, errors


@pytest.mark.slow
def test_lost_camera_with_another_size_and_ctrl_c(camera: Camera, tmp_path: Path) -> None:
    cameras = tmp_path / "cameras.yaml"
    cameras.write_text(
        f"cameras:\n- name: door\n  url: {camera.url()}\n  username: me\n"
        "  password: ${DOOR_PASSWORD}\n"
    )
    run = Run(str(cameras), tmp_path, DOOR_PASSWORD=SECRET)
    run.wait_for_lines(15)
    camera.kill()
    larger = write_scene(tmp_path / "large.mp4", scale=2)
    before = len(run.lines())
    camera.start({"door": larger})
    run.wait_for_lines(before + 15)
    took_s, printed, errors = run.interrupt()
    assert run.process.returncode == 130
    assert took_s < 2 + 3  # with the interpreter's own end, on a busy machine
    assert "Traceback" not in errors
    assert "camera door" in errors
    assert "is gone: the stream ended; trying again" in errors
    assert "camera door is live after" in errors
    (row,) = [line.split() for line in printed.splitlines() if line.split()[:2] == ["door", "live"]]
    assert row[5] == "1"  # reconnects
    times = [line["timestamp_s"] for line in run.lines()]
    assert times == sorted(times)  # type: ignore[type-var]
    with av.open(str(run.folder / "door.mp4")) as container:
        shown = list(container.decode(video=0))
    assert len(shown) == len(times)
    assert {(frame.width, frame.height) for frame in shown} == {(320, 240)}
    for path in run.folder.iterdir():
        assert SECRET not in path.name
        assert SECRET.encode() not in path.read_bytes()
    assert SECRET not in printed + errors


@pytest.mark.slow
def test_two_cameras_of_which_one_goes_away(tmp_path: Path) -> None:
    """With the shipped models and everything that a run over several cameras leaves."""
    need_server()
    demo = ROOT / "demo" / "pedestrians.mp4"
    with Camera({"a": demo}) as first, Camera({"b": demo}) as second:
        cameras = tmp_path / "cameras.yaml"
        cameras.write_text(
            f"cameras:\n- name: a\n  url: {first.url('a')}\n- name: b\n  url: {second.url('b')}\n"
        )
        run = Run(str(cameras), tmp_path, models=())
        run.wait_for_lines(30)
        second.kill()
        run.wait_for_lines(len(run.lines()) + 30)
        _, printed, errors = run.interrupt()
    assert run.process.returncode == 130
    assert "Traceback" not in errors
    assert "camera b" in errors
    states = {
        words[0]: words[1] for words in map(str.split, printed.splitlines()) if len(words) == 7
    }
    assert (states["a"], states["b"]) == ("live", "gone")
    for name in ("a.mp4", "b.mp4", "mosaic.mp4"):
        with av.open(str(run.folder / name)) as container:
            assert len(list(container.decode(video=0))) > 10, name
    made = {path.name for path in run.folder.iterdir()}
    assert {"identities.jsonl", "a_global.txt", "timeline.png", "topology.yaml"} <= made


@pytest.mark.slow
def test_ctrl_c_while_the_camera_is_frozen(camera: Camera, tmp_path: Path) -> None:
    run = Run(camera.url(credentials=f"me:{SECRET}@"), tmp_path, "--no-save-video")
    run.wait_for_lines(5)
    camera.freeze()
    try:
        time.sleep(1)  # FFmpeg waits for the camera by now
        took_s, printed, errors = run.interrupt()
    finally:
        camera.thaw()
    assert run.process.returncode == 130
    assert took_s < 2 + 3
    assert "results:" in printed
    assert SECRET not in printed + errors


def test_wrong_password_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    need_server()
    clip = write_scene(tmp_path / "small.mp4")
    with Camera({"door": clip}, "--user", "me", "--password", "right") as camera:
        url = camera.url(credentials=f"me:{SECRET}@")
        assert main([url, "--encoder", "none", "-o", str(tmp_path / "out")]) == 1
        assert camera.clients() == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "user or password refused" in line
    assert SECRET not in line


def test_mistake_in_a_list_is_a_usage_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "cameras.yaml"
    path.write_text(f"cameras:\n- {{name: a, url: 'rtsp://u:{SECRET}@h', rotat: 90}}\n")
    assert main([str(path)]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "did you mean 'cameras.rotate'" in line
    assert SECRET not in line


def test_cameras_in_a_few_words() -> None:
    live = SourceStatus("a", SourceState.LIVE, 9)
    stalled = SourceStatus("yard", SourceState.STALLED, 4.2)
    gone = SourceStatus("gate", SourceState.GONE, 75)
    assert describe_cameras([live, live]) == "2 live"
    assert describe_cameras([live, stalled, gone]) == "1 live, yard stalled 4 s, gate gone 75 s"
    assert describe_cameras([gone] * 5).endswith("gate gone 75 s, 2 more not live")
