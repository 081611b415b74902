"""The table of back ends."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reid_tracker.arrays import Float32Array
from reid_tracker.encode import backends, build_encoder
from reid_tracker.encode.backends import choose_backend, may_have_gpu, runs_on_cpu
from reid_tracker.encode.base import Crops
from reid_tracker.encode.onnx_backend import OnnxNetwork
from reid_tracker.encode.openvino_backend import OpenVinoNetwork
from reid_tracker.errors import ConfigError, WeightsError
from tests.encode.samples import tiny_onnx


@pytest.mark.parametrize(
    ("model", "machine", "expected"),
    [
        ("net.onnx", "x86_64", "openvino"),
        ("NET.ONNX", "AMD64", "openvino"),
        ("net.onnx", "aarch64", "onnxruntime"),
        ("net.xml", "aarch64", "openvino"),
        ("net.pth", "x86_64", "torch"),
        ("net.pth.tar-60", "x86_64", "torch"),
        ("timm:resnet18", "x86_64", "torch"),
        ("osnet_x0_25", "x86_64", "torch"),
    ],
)
def test_auto_on_cpus(
    model: str, machine: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.machine", lambda: machine)
    assert choose_backend(model, "auto", "cpu") == expected


def test_auto_on_a_gpu(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(backends, "runs_on_cpu", lambda device: False)
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr("reid_tracker.encode.onnx_backend.has_cuda", lambda: True)
    with caplog.at_level(logging.WARNING):
        assert choose_backend("net.onnx", "auto", "auto") == "onnxruntime"
        assert choose_backend("net.onnx", "auto", "cuda:1") == "onnxruntime"
        assert not caplog.text
        monkeypatch.setattr("reid_tracker.encode.onnx_backend.has_cuda", lambda: False)
        assert choose_backend("net.onnx", "auto", "auto") == "openvino"
    assert "net.onnx runs on the CPU" in caplog.text
    assert "install onnxruntime-gpu" in caplog.text
    assert choose_backend("net.onnx", "auto", "cuda") == "onnxruntime", "which says what is missing"


@pytest.mark.parametrize(
    ("model", "backend", "message"),
    [
        ("net.onnx", "torch", "net.onnx runs on onnxruntime or openvino or tensorrt"),
        ("net.xml", "onnxruntime", "net.xml runs on openvino; `reid-track export`"),
        ("net.pth", "openvino", "net.pth runs on torch; `reid-track export`"),
        ("net.onnx", "caffe", "expected one of auto, torch, onnxruntime, openvino, tensorrt"),
    ],
)
def test_what_does_not_run(model: str, backend: str, message: str) -> None:
    with pytest.raises(ConfigError, match=f"backend = {backend}: .*{message}"):
        choose_backend(model, backend, "cpu")


def test_the_one_that_is_named_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tiny_onnx(tmp_path / "net.onnx", size=(64, 32))
    made: list[type] = []

    def recording(kind: type[OnnxNetwork] | type[OpenVinoNetwork]) -> Callable[..., Any]:
        run = kind.run

        def record(self: Any, crops: Crops) -> Float32Array:
            made.append(kind)
            return run(self, crops)

        return record

    for kind in (OnnxNetwork, OpenVinoNetwork):
        monkeypatch.setattr(kind, "run", recording(kind))
    image, boxes = np.zeros((20, 10, 3), np.uint8), np.array([[0, 0, 10, 20]], np.float32)
    for name in ("onnxruntime", "openvino"):
        build_encoder(path, backend=name).encode(image, boxes)
    assert made == [OnnxNetwork, OpenVinoNetwork]


def test_auto_takes_onnx_runtime_for_what_openvino_cannot_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(path: object) -> None:
        raise WeightsError("an operator that OpenVINO does not have")

    monkeypatch.setattr("reid_tracker.encode.openvino_backend.read_network", refuse)
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    path = tiny_onnx(tmp_path / "net.onnx", size=(64, 32))
    with caplog.at_level(logging.INFO):
        assert build_encoder(path, device="cpu").embedding_size == 512
    assert "takes what OpenVINO does not: an operator" in caplog.text
    with pytest.raises(WeightsError, match="an operator"):
        build_encoder(path, backend="openvino")


def test_torch_is_asked_only_where_there_may_be_a_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    assert not may_have_gpu(tmp_path)
    (tmp_path / "nvidiactl").touch()
    assert may_have_gpu(tmp_path)
    monkeypatch.setattr("sys.platform", "darwin")
    assert may_have_gpu(tmp_path / "none")
    monkeypatch.setattr(backends, "may_have_gpu", lambda: False)
    assert runs_on_cpu("auto")
    with pytest.raises(ConfigError, match="device = tpu"):
        runs_on_cpu("tpu")
