"""Which back end runs a model: the table behind `encoder.backend`."""

from __future__ import annotations

import logging
import platform
import sys
from pathlib import Path

from reid_tracker.errors import ConfigError

logger = logging.getLogger(__name__)

TORCH, ONNX_RUNTIME, OPENVINO, TENSORRT = "torch", "onnxruntime", "openvino", "tensorrt"
BACKENDS = ("auto", TORCH, ONNX_RUNTIME, OPENVINO, TENSORRT)

_GPU_FILES = ("nvidiactl", "nvmap", "kfd", "dxg")
"""What lies in /dev with a driver of NVIDIA, of Jetson, of AMD, and in Windows' Linux."""


def choose_backend(model: str, backend: str, device: str) -> str:
    """Return the back end that runs a model: a name of `BACKENDS` other than "auto".

    "auto" is a table, not a measurement, so that a run gives the same embeddings to the bit as the
    run before it: torch for checkpoints, timm and published sizes; OpenVINO for .xml files, and for
    .onnx files on the CPUs of Intel and AMD; ONNX Runtime for other .onnx files.

    Args:
        model: a path or name, as `resolve_model` returns it.
        backend: a name of `BACKENDS`.
        device: of the configuration.

    Raises:
        ConfigError: there is no such back end, it does not run such files, or there is no such
            device.
    """
    if backend not in BACKENDS:
        raise ConfigError(f"encoder.backend = {backend}: expected one of {', '.join(BACKENDS)}")
    suffix = Path(model).suffix.lower()
    able = {".onnx": BACKENDS[2:], ".xml": (OPENVINO,)}.get(suffix, (TORCH,))
    if backend != "auto":
        if backend not in able:
            raise ConfigError(
                f"encoder.backend = {backend}: {model} runs on {' or '.join(able)}; `reid-track "
                "export` writes other formats"
            )
        return backend
    if suffix == ".onnx" and device in ("auto", "cpu"):
        return _for_onnx(model, device)
    return able[0]


def runs_on_cpu(device: str) -> bool:
    """Return whether a device name means a CPU here; asks torch only where there may be a GPU.

    Raises:
        ConfigError: there is no such device here.
    """
    if device == "cpu" or (device == "auto" and not may_have_gpu()):
        return True
    from reid_tracker.encode.torch_backend import resolve_device

    return resolve_device(device).type == "cpu"


def may_have_gpu(dev: Path = Path("/dev")) -> bool:
    """Return False if there is certainly no GPU, without importing torch, which takes seconds."""
    return sys.platform != "linux" or any((dev / name).exists() for name in _GPU_FILES)


def _for_onnx(model: str, device: str) -> str:
    if not runs_on_cpu(device):
        from reid_tracker.encode.onnx_backend import has_cuda

        if has_cuda():
            return ONNX_RUNTIME
        logger.warning(
            "%s runs on the CPU: this ONNX Runtime cannot use the GPU; for CUDA, install "
            "onnxruntime-gpu instead of onnxruntime, or take the model's checkpoint (.pth)",
            model,
        )
    return OPENVINO if platform.machine().lower() in ("x86_64", "amd64") else ONNX_RUNTIME
