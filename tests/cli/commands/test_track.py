"""`reid-track track` from the outside: what it writes, what it prints, how it fails."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from reid_tracker.cli.main import main, parser_of
from reid_tracker.cli.options import to_config
from reid_tracker.osnet import osnet_x0_5
from tests.conftest import FRAMES, ROOT, write_detections, write_video
from tests.waiting import PATIENCE_S, wait_until

Clip = tuple[Path, Path]
LONG = 6000


def run(*words: object) -> int:
    return main([str(word) for word in words])


def motion_only(clip: Clip, output: Path, *more: object) -> list[object]:
    video, detections = clip
    return [video, "--detector", detections, "--encoder", "none", "-o", output, *more]


def error_line(capsys: pytest.CaptureFixture[str]) -> str:
    """Return the only line on standard error."""
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("reid-track: error: ")
    return lines[0]


def tiny_detector(folder: Path) -> Path:
    """Save an untrained YOLO, which finds nobody."""
    from ultralytics import YOLO

    YOLO("yolo11n.yaml").save(folder / "untrained.pt")
    return folder / "untrained.pt"


def read_mot(path: Path) -> np.ndarray:
    return np.loadtxt(path, delimiter=",", ndmin=2)


def decoded_frames(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def test_main_job(walkers: Clip, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*motion_only(walkers, tmp_path / "out")) == 0
    mot = read_mot(tmp_path / "out" / "walkers.txt")
    assert sorted(set(mot[:, 1])) == [1, 2]
    assert mot[:, 0].max() == FRAMES
    lines = [json.loads(line) for line in (tmp_path / "out" / "walkers.jsonl").open()]
    assert len(lines) == FRAMES
    assert decoded_frames(tmp_path / "out" / "walkers.mp4") == FRAMES
    printed = capsys.readouterr().out
    assert "frames/s" in printed
    assert str(tmp_path / "out") in printed.replace("\n", "")


def test_no_encoder_on_this_machine_is_one_warning(
    walkers: Clip,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("reid_tracker.zoo.best", lambda _, **__: None)
    assert run(walkers[0], "--detector", walkers[1], "-o", tmp_path / "out") == 0
    warnings = [line for line in capsys.readouterr().err.splitlines() if "WARNING" in line]
    assert len(warnings) == 1
    assert "reid-track weights pull osnet_x1_0_msmt17" in warnings[0]
    assert len(set(read_mot(tmp_path / "out" / "walkers.txt")[:, 1])) == 2


@pytest.mark.slow
def test_untrained_osnet_runs(walkers: Clip, tmp_path: Path) -> None:
    video, detections = walkers
    out = tmp_path / "out"
    words = [video, "--detector", detections, "--encoder", "osnet_x0_25", "-o", out, "--quiet"]
    assert run(*words) == 0
    assert len(set(read_mot(out / "walkers.txt")[:, 1])) == 2


@pytest.mark.slow
def test_two_runs_are_byte_identical(walkers: Clip, tmp_path: Path) -> None:
    video, detections = walkers
    for name in ("a", "b"):
        words = [video, "--detector", detections, "--encoder", "osnet_x0_25", "-o", tmp_path / name]
        assert run(*words) == 0
    for name in ("walkers.txt", "walkers.jsonl", "walkers.mp4"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_explicit_subcommand_is_the_same(walkers: Clip, tmp_path: Path) -> None:
    assert run("track", *motion_only(walkers, tmp_path / "a")) == 0
    assert run(*motion_only(walkers, tmp_path / "b")) == 0
    a, b = (tmp_path / name / "walkers.txt" for name in "ab")
    assert a.read_bytes() == b.read_bytes()


def test_chosen_outputs(walkers: Clip, tmp_path: Path) -> None:
    options = ["--no-save-video", "--no-save-jsonl", "--save-csv", "--save-crops"]
    assert run(*motion_only(walkers, tmp_path / "out", *options)) == 0
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["walkers.csv", "walkers.txt", "walkers_crops"]
    assert len(list((tmp_path / "out" / "walkers_crops").iterdir())) == 2


def test_default_output_folder_is_new_each_time(
    walkers: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    video, detections = walkers
    for _ in range(2):
        assert run(video, "--detector", detections, "--encoder", "none") == 0
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["walkers", "walkers-2"]


def test_nothing_is_overwritten_unasked(
    walkers: Clip, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = motion_only(walkers, tmp_path / "out", "--quiet")
    assert run(*words) == 0
    before = (tmp_path / "out" / "walkers.txt").read_bytes()
    assert run(*words, "--vid-stride", "2") == 1
    assert "--overwrite" in error_line(capsys)
    assert (tmp_path / "out" / "walkers.txt").read_bytes() == before
    assert run(*words, "--vid-stride", "2", "--overwrite") == 0
    assert (tmp_path / "out" / "walkers.txt").read_bytes() != before


@pytest.mark.slow
def test_several_cameras_of_one_name(walkers: Clip, tmp_path: Path) -> None:
    """Two folders may each hold a walkers.mp4; each camera gets outputs of its own."""
    (tmp_path / "other").mkdir()
    longer = write_video(tmp_path / "other" / "walkers.mp4", frames=FRAMES + 15)
    detectors = tiny_detector(tmp_path)
    words = [walkers[0], longer, "--detector", detectors, "--classes", 0, "--imgsz", 64]
    words += ["--encoder", "none"]
    assert run(*words, "-o", tmp_path / "out") == 0
    assert decoded_frames(tmp_path / "out" / "walkers.mp4") == FRAMES
    assert decoded_frames(tmp_path / "out" / "walkers-2.mp4") == FRAMES + 15


def test_one_detection_file_for_two_videos_is_refused(
    walkers: Clip, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [walkers[0], walkers[0], "--detector", walkers[1], "--encoder", "none"]
    assert run(*words, "-o", tmp_path / "out") == 2
    assert "walkers_det.txt" in error_line(capsys)


def test_input_is_never_overwritten(walkers: Clip, capsys: pytest.CaptureFixture[str]) -> None:
    before = walkers[0].read_bytes()
    assert run(*motion_only(walkers, walkers[0].parent, "--overwrite")) == 1
    assert "walkers.mp4" in error_line(capsys)
    assert walkers[0].read_bytes() == before


def test_no_file_that_is_read_is_overwritten(
    walkers: Clip, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither an input under another spelling nor the detection file."""
    video, detections = walkers
    same_stem = detections.rename(tmp_path / "walkers.txt")
    before = same_stem.read_bytes(), video.read_bytes()
    words = ["--detector", same_stem, "--encoder", "none", "--overwrite", "-o", tmp_path]
    assert run(video, *words) == 1
    assert "is an input of this run" in error_line(capsys)
    assert run(f"file://{video}", *words, "--no-save-mot") == 1
    assert (same_stem.read_bytes(), video.read_bytes()) == before


@pytest.mark.parametrize(
    ("option", "value", "key", "expected"),
    [
        ("--detector", "a.pt", "detector.model", "a.pt"),
        ("--encoder", "b.onnx", "encoder.model", "b.onnx"),
        ("--conf", "0.2", "detector.confidence", 0.2),
        ("--conf", "0.2", "tracker.min_confidence", 0.2),
        ("--iou", "0.5", "detector.iou", 0.5),
        ("--imgsz", "320", "detector.image_size", 320),
        ("--classes", "person,2", "detector.classes", ("person", 2)),
        ("--device", "cpu", "detector.device", "cpu"),
        ("--device", "cpu", "encoder.device", "cpu"),
        ("--vid-stride", "3", "video.stride", 3),
        ("--fps", "7", "video.frame_rate", 7.0),
        ("--set", "tracker.nn_budget=5", "tracker.nn_budget", 5),
    ],
)
def test_options_reach_the_configuration(
    option: str, value: str, key: str, expected: object
) -> None:
    """Also with the option between two sources."""
    arguments = parser_of("track").parse(["a.mp4", option, value, "b.mp4"])
    assert arguments.sources == ["a.mp4", "b.mp4"]
    section, name = key.split(".")
    assert getattr(getattr(to_config(arguments), section), name) == expected


def test_stride_keeps_frame_numbers(walkers: Clip, tmp_path: Path) -> None:
    assert run(*motion_only(walkers, tmp_path / "out", "--vid-stride", 4)) == 0
    lines = [json.loads(line) for line in (tmp_path / "out" / "walkers.jsonl").open()]
    assert [line["frame"] for line in lines] == list(range(0, FRAMES, 4))
    assert decoded_frames(tmp_path / "out" / "walkers.mp4") == FRAMES // 4


def test_quiet_prints_nothing(
    walkers: Clip, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*motion_only(walkers, tmp_path / "out", "--quiet")) == 0
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_frames_without_people(tmp_path: Path) -> None:
    video = write_video(tmp_path / "walkers.mp4")
    detections = write_detections(tmp_path / "det.txt", skip=tuple(range(5, FRAMES)))
    assert run(*motion_only((video, detections), tmp_path / "out")) == 0
    lines = [json.loads(line) for line in (tmp_path / "out" / "walkers.jsonl").open()]
    assert len(lines) == FRAMES
    assert lines[-1]["tracks"] == []


class TestBadInput:
    """Each a one-line error, with exit code 1 at run time and 2 for usage."""

    def test_missing_file(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(tmp_path / "nowhere.mp4") == 1
        assert "nowhere.mp4" in error_line(capsys)

    def test_text_file_named_mp4(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "notes.mp4").write_text("this is not a video\n" * 50)
        assert run(tmp_path / "notes.mp4") == 1
        assert "notes.mp4" in error_line(capsys)

    def test_video_without_frames(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "empty.mp4").write_bytes(b"")
        assert run(tmp_path / "empty.mp4") == 1
        assert "empty.mp4" in error_line(capsys)

    def test_truncated_video_gives_its_frames_and_a_warning(
        self, walkers: Clip, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        whole = tmp_path / "whole.mkv"
        write_video(whole)
        cut = tmp_path / "cut.mkv"
        cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
        assert run(*motion_only((cut, walkers[1]), tmp_path / "out")) == 0
        assert "WARNING" in capsys.readouterr().err
        assert 0 < decoded_frames(tmp_path / "out" / "cut.mp4") < FRAMES

    def test_unknown_key_names_the_nearest(
        self, walkers: Clip, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(walkers[0], "--set", "tracker.max_cosine_distanse=0.2") == 2
        assert "max_cosine_distance" in error_line(capsys)

    def test_unknown_key_in_a_file(
        self, walkers: Clip, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "mine.yaml").write_text("detektor: {confidence: 0.5}\n")
        assert run(walkers[0], "--config", tmp_path / "mine.yaml") == 2
        assert "detector" in error_line(capsys)

    def test_value_out_of_range(self, walkers: Clip, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(walkers[0], "--conf", "1.5") == 2
        assert "1.5" in error_line(capsys)

    def test_unknown_option(self, walkers: Clip, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as stop:
            run(walkers[0], "--confidense", "0.5")
        assert stop.value.code == 2
        assert "--confidense" in capsys.readouterr().err

    def test_wrong_checkpoint_names_the_keys(
        self, walkers: Clip, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        state = osnet_x0_5().state_dict()
        del state["conv3.0.gate.fc1.weight"]
        torch.save(state, tmp_path / "osnet.pth")
        words = [walkers[0], "--detector", walkers[1], "--encoder", tmp_path / "osnet.pth"]
        assert run(*words, "-o", tmp_path / "out") == 1
        assert "conv3.0.gate.fc1.weight" in error_line(capsys)

    def test_output_below_a_file(
        self, walkers: Clip, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "file").write_text("")
        assert run(*motion_only(walkers, tmp_path / "file" / "out")) == 1
        assert "--output" in error_line(capsys)

    def test_nan_in_the_detection_file(
        self, walkers: Clip, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "bad.txt").write_text("1,-1,10,10,20,20,0.9\n2,-1,nan,10,20,20,0.9\n")
        assert run(*motion_only((walkers[0], tmp_path / "bad.txt"), tmp_path / "out")) == 1
        message = error_line(capsys)
        assert "bad.txt" in message
        assert "2" in message

    def test_no_detector_on_this_machine(
        self,
        walkers: Clip,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setattr("reid_tracker.zoo.best", lambda _, **__: None)
        assert run(walkers[0], "-o", tmp_path / "out", "--encoder", "none") == 1
        message = error_line(capsys)
        assert "reid-track weights pull yolo11n" in message
        assert "--detector" in message

    def test_missing_model(self, walkers: Clip, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(walkers[0], "--detector", walkers[1], "--encoder", "nowhere.onnx") == 1
        assert "nowhere.onnx" in error_line(capsys)

    def test_debug_shows_the_traceback(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(tmp_path / "nowhere.mp4", "--debug") == 1
        assert "Traceback" in capsys.readouterr().err
        assert run(tmp_path / "nowhere.mp4", "--debug", "--conf", "7") == 2

    @pytest.mark.parametrize(
        "source", ["rtsp://me:hunter2@127.0.0.1:9/x", "me:hunter2@h/x", "rtsp:/me:hunter2@h/x"]
    )
    def test_credentials_are_never_printed(
        self, source: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(source) == 1
        assert "hunter2" not in error_line(capsys)
        with pytest.raises(SystemExit):
            run("a.mp4", "--no-such-option", source)
        assert "hunter2" not in capsys.readouterr().err


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    folder = tmp_path_factory.mktemp("long")
    return (
        write_video(folder / "long.mp4", frames=LONG),
        write_detections(folder / "det.txt", frames=LONG),
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_interrupted_run_leaves_playable_outputs(
    long_clip: Clip, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    """Ctrl-C in the middle of a long video: everything written so far is whole."""
    words = motion_only(long_clip, tmp_path / "out")
    process = subprocess.Popen(
        [sys.executable, "-m", "reid_tracker.cli.program", *map(str, words)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
    )
    mot = tmp_path / "out" / "long.txt"
    wait_until(lambda: process.poll() is not None or (mot.exists() and mot.stat().st_size > 20_000))
    assert process.poll() is None, "the run ended before it could be interrupted"
    process.send_signal(number)
    start = time.monotonic()
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert time.monotonic() - start < 10
    assert process.returncode == code, errors
    assert b"Traceback" not in errors
    lines = [json.loads(line) for line in (tmp_path / "out" / "long.jsonl").open()]
    assert 100 < len(lines) < LONG
    assert read_mot(mot)[:, 0].max() <= len(lines)
    assert decoded_frames(tmp_path / "out" / "long.mp4") == len(lines)
