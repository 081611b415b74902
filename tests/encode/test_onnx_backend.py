from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from onnx import TensorProto

from reid_tracker.encode.onnx_backend import OnnxNetwork, execution_providers, tensorrt_providers
from reid_tracker.errors import ConfigError, MissingDependencyError, WeightsError
from tests.encode.samples import picture, tiny_onnx

CUDA = "CUDAExecutionProvider"
TENSORRT = "TensorrtExecutionProvider"


def crops(count: int, height: int, width: int) -> np.ndarray:
    return np.stack([picture(height, width, seed) for seed in range(count)])


@pytest.mark.parametrize("size", [(256, 128), (128, 64), (224, 224)])
def test_fixed_image_size_is_honoured(tmp_path: Path, size: tuple[int, int]) -> None:
    network = OnnxNetwork(tiny_onnx(tmp_path / "net.onnx", size=size))
    assert network.input_size == size
    assert network.run(crops(3, *size)).shape == (3, 512)


def test_dynamic_image_size_is_a_person(tmp_path: Path) -> None:
    network = OnnxNetwork(tiny_onnx(tmp_path / "net.onnx", size=("height", "width")))
    assert network.input_size == (256, 128)


@pytest.mark.parametrize("count", [1, 3, 4, 5, 9])
def test_fixed_batch_equals_dynamic_batch(tmp_path: Path, count: int) -> None:
    fixed = OnnxNetwork(tiny_onnx(tmp_path / "fixed.onnx", batch=4, size=(64, 32)))
    dynamic = OnnxNetwork(tiny_onnx(tmp_path / "dynamic.onnx", size=(64, 32)))
    images = crops(count, 64, 32)
    np.testing.assert_allclose(fixed.run(images), dynamic.run(images), atol=1e-6)


def test_other_embedding_size_and_spatial_output(tmp_path: Path) -> None:
    path = tiny_onnx(tmp_path / "net.onnx", features=40, keep_map=True, size=(64, 32))
    network = OnnxNetwork(path)
    assert network.embedding_size == 40
    assert network.run(crops(2, 64, 32)).shape == (2, 40)


def test_half_precision_file(tmp_path: Path) -> None:
    half = tiny_onnx(tmp_path / "half.onnx", kind=TensorProto.FLOAT16, size=(64, 32))
    full = tiny_onnx(tmp_path / "full.onnx", size=(64, 32))
    images = crops(2, 64, 32)
    rows = OnnxNetwork(half).run(images)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows, OnnxNetwork(full).run(images), atol=2e-3)


@pytest.mark.parametrize("options", [{"kind": TensorProto.DOUBLE}, {"channels": 1}])
def test_input_that_takes_no_images(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(WeightsError, match=r"net\.onnx"):
        OnnxNetwork(tiny_onnx(tmp_path / "net.onnx", **options))


def test_output_that_is_no_embedding(tmp_path: Path) -> None:
    import onnx

    model = onnx.load(str(tiny_onnx(tmp_path / "net.onnx")))
    del model.graph.node[2:]
    model.graph.output[0].name = "r"
    model.graph.output[0].type.tensor_type.ClearField("shape")
    onnx.save(model, str(tmp_path / "map.onnx"))
    with pytest.raises(
        WeightsError, match=r"map\.onnx: gives an array of shape \(2, 512, 32, 16\)"
    ):
        OnnxNetwork(tmp_path / "map.onnx")


def test_providers(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = ["CPUExecutionProvider"]
    monkeypatch.setattr(ort, "get_available_providers", lambda: [CUDA, *cpu])
    assert execution_providers("cpu") == cpu
    assert execution_providers("auto") == [(CUDA, {"device_id": 0}), *cpu]
    assert execution_providers("cuda") == [(CUDA, {"device_id": 0}), *cpu]
    assert execution_providers("cuda:3") == [(CUDA, {"device_id": 3}), *cpu]
    monkeypatch.setattr(ort, "get_available_providers", lambda: cpu)
    assert execution_providers("auto") == cpu
    with pytest.raises(ConfigError, match="onnxruntime-gpu"):
        execution_providers("cuda:3")


def test_cuda_that_does_not_start_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ONNX Runtime itself only prints, and goes on with the CPU."""
    monkeypatch.setattr(
        "reid_tracker.encode.onnx_backend.execution_providers", lambda _: ["CPUExecutionProvider"]
    )
    with pytest.raises(ConfigError, match="could not start CUDA"):
        OnnxNetwork(tiny_onnx(tmp_path / "net.onnx"), "cuda")


def test_tensorrt_is_asked_for_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MissingDependencyError, match=r"onnxruntime-gpu .*, and tensorrt"):
        OnnxNetwork(tiny_onnx(tmp_path / "net.onnx"), tensorrt=True)
    with pytest.raises(ConfigError, match="device = cpu: TensorRT runs on auto, cuda"):
        tensorrt_providers("cpu", half=False)
    monkeypatch.setattr(ort, "get_available_providers", lambda: [TENSORRT, CUDA])
    asked = [(TENSORRT, {"device_id": 1, "trt_fp16_enable": True}), (CUDA, {"device_id": 1})]
    assert tensorrt_providers("cuda:1", half=True) == asked
    monkeypatch.setattr(
        "reid_tracker.encode.onnx_backend.tensorrt_providers",
        lambda *_: ["CPUExecutionProvider"],
    )
    with pytest.raises(ConfigError, match="could not start TensorRT"):
        OnnxNetwork(tmp_path / "net.onnx", tensorrt=True)


def test_waiting_threads_do_not_spin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[ort.SessionOptions] = []
    session = ort.InferenceSession

    def record(path: str, options: ort.SessionOptions, **rest: Any) -> Any:
        seen.append(options)
        return session(path, options, **rest)

    monkeypatch.setattr(ort, "InferenceSession", record)
    OnnxNetwork(tiny_onnx(tmp_path / "net.onnx"))
    assert seen[0].get_session_config_entry("session.intra_op.allow_spinning") == "0"
