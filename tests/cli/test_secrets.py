"""No malformed command line makes the program print a secret in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from reid_tracker.cli.main import COMMANDS, main

SECRET = "s3cr3t-4711"  # noqa: S105
NATS = f"nats://user:{SECRET}@127.0.0.1:9"
RTSP = f"rtsp://user:{SECRET}@127.0.0.1:9/x"
DATABASE = f"postgresql://user:{SECRET}@127.0.0.1:9/people"

# Position: each command gets a secret where it expects something else.
POSITIONS = [
    RTSP,
    f"track {RTSP} --no-such-option",
    f"track --no-such-option={RTSP} a.mp4",
    f"track --config {RTSP} a.mp4",
    f"ground {RTSP} {RTSP}",
    f"ground {RTSP} --unit {RTSP}",
    f"ground {RTSP} --points {RTSP}=1",
    f"calibrate --labelled {RTSP}",
    f"calibrate --set {RTSP}",
    f"search {RTSP}",
    f"search 12 {DATABASE}",
    f"search 12 --gallery {DATABASE}",
    f"search 12 --gallery={DATABASE} --top 0",
    f"search 12 --since {DATABASE}",
    f"search x.jpg --in {RTSP}",
    f"gallery {DATABASE}",
    f"gallery info {DATABASE}",
    f"gallery info --gallery {DATABASE}",
    f"gallery forget {DATABASE}",
    f"gallery purge --older-than {DATABASE}",
    f"gallery import {DATABASE}",
    f"gallery export {DATABASE} --gallery {DATABASE}",
    f"edge {NATS}",
    f"edge a.mp4 --broker {NATS}",
    f"edge a.mp4 --broker={NATS} --debug",
    f"edge a.mp4 --broker nats://h:4222 --credentials user:{SECRET}",
    f"edge a.mp4 --fps {NATS}",
    f"edge a.mp4 --status {NATS} --broker nats://127.0.0.1:9",
    f"central {NATS}",
    f"central --broker {NATS} --site x --gallery g.sqlite",
    f"central --broker nats://127.0.0.1:9 --site x --gallery {DATABASE}",
    f"central --gallery {DATABASE}",
    f"central --brokr {NATS}",
    f"central --set transport.address={NATS} --site x --gallery g.sqlite",
    f"central --retention-h {NATS}",
    f"encode-server {RTSP}",
    f"encode-server --listen {RTSP}",
    f"encode-server --token-file {RTSP}",
    f"encode-server --token {SECRET}",
    f"export {RTSP}",
    f"export a.onnx --calibrate {RTSP}",
    f"export --format {RTSP} a.onnx",
    f"weights pull {RTSP}",
    f"weights list {RTSP}",
    f"weights {RTSP}",
    f"train {RTSP}",
    f"train paper_scratch --data {RTSP} --device cpu",
    f"train paper_scratch --set data.root={RTSP} --epochs {RTSP}",
    f"train-detector {RTSP}",
    f"train-detector person_yolo11n --workers {RTSP}",
    f"explain {RTSP}",
    f"explain x --only {RTSP}",
    f"eval-reid {RTSP}",
    f"eval-reid x --metric {RTSP}",
    f"eval-mot {RTSP} {RTSP}",
    f"eval-mot --run {RTSP}",
    f"tune {RTSP}",
    f"tune x --only {RTSP}",
    f"eval-mtmc {RTSP} {RTSP}",
    f"zones {RTSP}",
    f"zones {RTSP} --line {RTSP}",
    f"eval-mtmc {RTSP}",
    f"config {RTSP}",
    f"config --set gallery.address={DATABASE}",
    f"config --set gallery={DATABASE}",
    f"config --set tracker.max_age_s={DATABASE}",
    f"site add-host h --site x --broker {NATS}",
    f"site {NATS}",
    f"completion {RTSP}",
    f"help {RTSP}",
    f"track a.mp4 --classes {RTSP} --conf {RTSP}",
    f"track a.mp4 --password {SECRET}",
    f"track a.mp4 --password={SECRET}",
    f"track a.mp4 --set stream.password={SECRET}",
    f"serach --token {SECRET}",
]

FILES = {
    "cameras.yaml": f"cameras:\n- name: door\n  url: {RTSP}\n  pasword: {SECRET}\n",
    "broken.yaml": f'cameras:\n- password: "{SECRET}\n',
    "two.yaml": f"cameras:\n- name: a\n  url: {RTSP}\n  rotate: {RTSP}\n",
    "cams.streams": f"{RTSP} {RTSP}\n{RTSP}\n",
    "mine.yaml": f"gallery: {DATABASE}\ntransport:\n  adress: {NATS}\n",
    "other.yaml": f"transport:\n  address: {NATS}\n  credentials: user:{SECRET}\n",
    "torn.yaml": f'gallery: {{address: "{DATABASE}\n',
}
ON_FILES = [
    "cameras.yaml",
    "broken.yaml",
    "edge broken.yaml --broker nats://127.0.0.1:9",
    "edge cameras.yaml --broker nats://127.0.0.1:9",
    "two.yaml --debug",
    "cams.streams --set stream.open_timeout_s=0.1",
    "a.mp4 --config mine.yaml",
    "a.mp4 --config torn.yaml",
    "central --config other.yaml --site x --gallery g.sqlite",
    "edge a.mp4 --config other.yaml",
    "config mine.yaml",
    "config other.yaml",
    "config torn.yaml",
    "ground broken.yaml --points torn.yaml",
]


@pytest.mark.parametrize("line", POSITIONS + ON_FILES)
def test_no_secret_is_printed(
    line: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REID_TRACKER_HOME", str(tmp_path / "home"))
    for name, text in FILES.items():
        Path(name).write_text(text)
    try:
        code = main(line.split())
    except SystemExit as stop:
        code = int(str(stop.code))
    captured = capfd.readouterr()
    assert SECRET not in captured.out
    assert SECRET not in captured.err
    if line.split(maxsplit=1)[0] != "config":
        assert code in {1, 2}
        assert captured.err.count("reid-track: error: ") == 1


def test_every_command_is_tried() -> None:
    tried = {line.split()[0] for line in POSITIONS}
    assert {command.name for command in COMMANDS} <= tried
    assert len(POSITIONS) >= 40


def test_the_centres_own_hint_is_not_garbled(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["central", "--site", "x"]) == 2
    assert "--gallery postgresql://USER@HOST/DATABASE" in capsys.readouterr().err
