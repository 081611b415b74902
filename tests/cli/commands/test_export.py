"""`reid-track export`: measured results and one-line errors."""

from __future__ import annotations

from pathlib import Path

import pytest

from reid_tracker.cli.commands import export
from reid_tracker.cli.main import main
from reid_tracker.encode.export import LEAST_COSINE
from tests.conftest import ROOT
from tests.encode.samples import tiny_onnx


def run(*words: str) -> int:
    return main(["export", *words])


@pytest.mark.slow
def test_result_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    tiny_onnx(tmp_path / "tiny.onnx", size=(16, 8), features=4)
    assert run("tiny.onnx", "--format", "openvino") == 0
    said = capsys.readouterr().out
    assert said.startswith("tiny.xml\ncosine to the source: at least 1.000000, mean 1.000000")
    assert "(8 random images, since --calibrate is not given)" in said
    assert "embedding space: " in said
    assert run("tiny.onnx", "--format", "openvino") == 1
    assert "tiny.xml exists already; add --overwrite" in capsys.readouterr().err
    monkeypatch.setitem(LEAST_COSINE, "fp16", 1.1)
    assert run("tiny.onnx", "--format", "openvino", "--precision", "fp16") == 1
    assert "its cosine to the source is not above 1.1; the file is kept" in capsys.readouterr().err
    assert (tmp_path / "tiny_fp16.xml").is_file()


def test_errors_of_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for words, message in (
        (["--format", "gguf"], "--format gguf: expected one of"),
        (["-o", "net.pth"], "expected a name that ends with .onnx"),
        (["--format", "tensorrt"], "install onnxruntime-gpu instead of onnxruntime, and tensorrt"),
        (["--format", "openvino", "--with-normalisation"], "OpenVINO files always contain it"),
    ):
        assert run("osnet_x0_25_cuhk03", *words) != 0
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1


@pytest.mark.slow
def test_people_of_a_video_calibrate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("nncf")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(export, "_MAX_CROPS", 60)
    demo = str(ROOT / "demo" / "pedestrians.mp4")
    words = ["osnet_x0_25_cuhk03", "--format", "openvino", "--precision", "int8"]
    assert run(*words, "--calibrate", demo) in (0, 1)
    assert (tmp_path / "osnet_x0_25_cuhk03_int8.xml").is_file()
