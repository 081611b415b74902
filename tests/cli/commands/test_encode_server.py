"""`reid-track encode-server` as a process: real embeddings, signals, tokens, another language."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from reid_tracker import build_encoder
from reid_tracker.cli.commands.encode_server import TOKEN_VARIABLE
from reid_tracker.cli.main import main
from reid_tracker.encode_server.app import RAW
from reid_tracker.types import ImageBGR
from tests.cli.runs import Run
from tests.conftest import ROOT
from tests.encode_server.samples import FORM, form, post
from tests.waiting import PATIENCE_S

ENCODER = "osnet_x0_25_cuhk03"
WORDS = ["encode-server", "--listen", "127.0.0.1:0", "--encoder", ENCODER]


def people() -> list[ImageBGR]:
    clip = cv2.VideoCapture(str(ROOT / "demo" / "pedestrians.mp4"))
    _, frame = clip.read()
    clip.release()
    return [np.asarray(frame[100:260, x : x + 70], np.uint8) for x in (100, 300, 500)]


def port_of(run: Run) -> int:
    run.until_said("is served at")
    return int(re.findall(r"http://127\.0\.0\.1:(\d+);", " ".join(run.lines))[0])


@pytest.mark.slow
def test_embeddings_over_http_are_those_of_the_library_and_sigterm_ends_it(
    tmp_path: Path,
) -> None:
    files = []
    for number, person in enumerate(people()):
        files.append(tmp_path / f"{number}.png")
        cv2.imwrite(str(files[-1]), person)
    expected = build_encoder(ENCODER).encode_crops(people())
    run = Run(WORDS)
    try:
        port = port_of(run)
        body = form(*[("crops", file.read_bytes()) for file in files])
        status, _, text = post(port, "/v1/crops", body)
        answer = json.loads(text)
        assert (status, answer["fingerprint"]) == (200, ENCODER)
        np.testing.assert_allclose(answer["embeddings"], expected, atol=2e-3)
        raw = post(port, "/v1/crops", body, {**FORM, "Accept": RAW})[2]
        np.testing.assert_allclose(np.frombuffer(raw, "<f2").reshape(3, -1), expected, atol=2e-3)
        from_javascript(port, files, expected)
    finally:
        assert run.end(signal.SIGTERM) == 143
    assert run.lines[-1] == "terminated"


def from_javascript(port: int, files: list[Path], expected: np.ndarray) -> None:
    """Run the example, where Node is."""
    if shutil.which("node") is None:
        return
    done = subprocess.run(
        ["node", str(ROOT / "demo" / "encode_client.mjs"), *map(str, files)],
        env={**os.environ, "REID_ENCODE_SERVER": f"http://127.0.0.1:{port}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr
    rows = [line.split()[1:] for line in done.stdout.splitlines()]
    np.testing.assert_allclose(np.array(rows, float), expected @ expected.T, atol=2e-3)


def refusal(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["encode-server", *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


@pytest.mark.slow
def test_other_machines_need_a_token_which_is_not_on_the_command_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "add --token-file FILE" in refusal(capsys, "--listen", "0.0.0.0:9110")
    (tmp_path / "empty").touch()
    line = refusal(capsys, "--token-file", str(tmp_path / "empty"))
    assert f"--token-file {tmp_path / 'empty'}: expected one line" in line
    monkeypatch.setenv(TOKEN_VARIABLE, "two words")
    line = refusal(capsys)
    assert f"{TOKEN_VARIABLE}: expected one line of ASCII without spaces" in line
    assert "words" not in line


@pytest.mark.slow
def test_a_missing_extra_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("reid_tracker.encode_server")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "fastapi", None)
    assert main(["encode-server"]) == 1
    assert "pip install 'reid-tracker[server]'" in capsys.readouterr().err
