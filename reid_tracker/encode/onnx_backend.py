"""The ONNX Runtime back end: runs ONNX files on CPUs, on CUDA, and with TensorRT."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

# Read when ONNX Runtime is loaded: video of people is nothing to send statistics about.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
import onnxruntime as ort

from reid_tracker.arrays import Float32Array
from reid_tracker.encode.base import Crops, one_line
from reid_tracker.encode.preprocess import IMAGENET, PERSON_SIZE, Normalisation, normalise
from reid_tracker.errors import ConfigError, MissingDependencyError, WeightsError
from reid_tracker.resources import usable_cores

logger = logging.getLogger(__name__)

_CUDA = "CUDAExecutionProvider"
_TENSORRT = "TensorrtExecutionProvider"
_INPUT_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


class OnnxNetwork:
    """A network in an ONNX file: images (B, 3, H, W) in, embeddings (B, D) out.

    A fixed height and width are honoured, dynamic ones taken as 256x128. Dynamic batch is best; a
    fixed batch is filled up with black crops. float16 inputs are converted to.

    Args:
        path: the file.
        device: "auto" (CUDA where this ONNX Runtime has it, else CPU), "cpu", "cuda", "cuda:1".
        normalisation: what the network was trained with.
        tensorrt: build a TensorRT engine for this GPU, at each start; this path is not tested.
        half: let TensorRT compute in float16.

    Raises:
        WeightsError: the file is missing, damaged, or does not map images to embeddings.
        ConfigError: the device is not available.
        MissingDependencyError: this ONNX Runtime has no TensorRT.
    """

    def __init__(
        self,
        path: str | Path,
        device: str = "auto",
        normalisation: Normalisation = IMAGENET,
        *,
        tensorrt: bool = False,
        half: bool = False,
    ) -> None:
        self._path = Path(path)
        self._normalisation = normalisation
        if tensorrt:
            self._session = _open_session(self._path, tensorrt_providers(device, half))
            self._check_started("TensorRT", _TENSORRT, device)
        else:
            self._session = _open_session(self._path, execution_providers(device))
            if device.startswith("cuda"):
                self._check_started("CUDA", _CUDA, device)
            elif device == "auto" and has_cuda() and self._session.get_providers()[0] != _CUDA:
                logger.warning(
                    "%s runs on the CPU: ONNX Runtime could not start CUDA; check that its CUDA "
                    "libraries are installed",
                    path,
                )
        source = self._session.get_inputs()[0]
        self._input_name: str = source.name
        self._input_type, self._fixed_batch, self.input_size = _read_input(source, self._path)
        # One run on black crops: finds a network that does not fit now, not on the first frame.
        self.embedding_size: int = self._probe()

    def run(self, crops: Crops) -> Float32Array:
        """Embed (n, H, W, 3) uint8 BGR crops as (n, D) float32 rows."""
        if self._fixed_batch is None:
            return self._forward(crops)
        batch = self._fixed_batch
        padded = np.zeros((-(-len(crops) // batch) * batch, *crops.shape[1:]), np.uint8)
        padded[: len(crops)] = crops
        parts = [self._forward(padded[i : i + batch]) for i in range(0, len(padded), batch)]
        return np.concatenate(parts)[: len(crops)]

    def _forward(self, crops: Crops) -> Float32Array:
        images = normalise(crops, self._normalisation)
        images = images.astype(self._input_type, copy=False)
        output = self._session.run(None, {self._input_name: images})[0]
        if output.shape[2:] == (1,) * (output.ndim - 2):  # (B, D, 1, 1) as some exporters leave it
            output = output.reshape(output.shape[:2])
        embeddings: Float32Array = output.astype(np.float32, copy=False)
        return embeddings

    def _check_started(self, name: str, provider: str, device: str) -> None:
        """Refuse the CPU, with which ONNX Runtime goes on where a GPU does not start."""
        if self._session.get_providers()[0] != provider:
            raise ConfigError(
                f"device = {device}: ONNX Runtime could not start {name}; check that its {name} "
                "libraries are installed, or set device to cpu"
            )

    def _probe(self) -> int:
        batch = self._fixed_batch or 2
        try:
            output = self._forward(np.zeros((batch, *self.input_size, 3), np.uint8))
        except Exception as error:  # ONNX Runtime's exceptions share no base class
            raise WeightsError(
                f"{self._path}: does not run on images of {self.input_size[0]}x"
                f"{self.input_size[1]}: {one_line(error)}"
            ) from None
        if output.ndim != 2 or len(output) != batch:
            raise WeightsError(
                f"{self._path}: gives an array of shape {output.shape} for {batch} images, "
                f"expected ({batch}, D); it is no ReID network, or its output is not the embedding"
            )
        return int(output.shape[1])


def _open_session(
    path: Path, providers: list[Any], entries: Mapping[str, str] = MappingProxyType({})
) -> Any:
    if not path.is_file():
        raise WeightsError(f"{path}: no such file; check the path of the weights")
    options = ort.SessionOptions()
    options.log_severity_level = 3
    # By default ONNX Runtime's threads spin while they wait, and take the cores that the detector
    # needs next. Measured on 2 cores with YOLO in the same process: 38 ms a frame instead of 48.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # A plan of memory is kept for each number of crops that ever came: with one to sixty of them,
    # 67 MB in 600 batches instead of 10, and no faster.
    options.enable_mem_pattern = False
    options.intra_op_num_threads = usable_cores()
    for key, value in entries.items():
        options.add_session_config_entry(key, value)
    try:
        session = ort.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # ONNX Runtime's exceptions share no base class
        raise WeightsError(
            f"{path}: not an ONNX file, or damaged ({one_line(error)}); get the file again"
        ) from None
    logger.info("%s runs on %s", path, session.get_providers()[0])
    return session


def write_engine(source: Path, target: Path, *, half: bool) -> None:
    """Compile an ONNX file with TensorRT for this GPU; not tested.

    The result is an ONNX file that contains the engine, and runs with this back end alone.

    Raises:
        MissingDependencyError: this ONNX Runtime has no TensorRT.
        WeightsError: the file cannot be compiled.
    """
    entries = {"ep.context_enable": "1", "ep.context_file_path": str(target)}
    entries["ep.context_embed_mode"] = "1"
    _open_session(source, tensorrt_providers("auto", half), entries)
    if not target.is_file():
        raise WeightsError(f"{target}: TensorRT wrote no engine; check that it starts here")


def has_cuda() -> bool:
    """Whether this ONNX Runtime is a build for CUDA."""
    return _CUDA in ort.get_available_providers()


def execution_providers(device: str) -> list[Any]:
    """Return the execution providers for a device name, best first.

    Raises:
        ConfigError: this ONNX Runtime cannot use the device.
    """
    if device == "cpu" or (device == "auto" and not has_cuda()):
        return ["CPUExecutionProvider"]
    if match := re.fullmatch(r"auto|cuda(?::(\d+))?", device):
        if not has_cuda():
            raise ConfigError(
                f"device = {device}: this ONNX Runtime has no CUDA; install onnxruntime-gpu "
                "instead of onnxruntime, or set device to cpu or auto"
            )
        return [(_CUDA, {"device_id": int(match[1] or 0)}), "CPUExecutionProvider"]
    raise ConfigError(f"device = {device}: an .onnx file runs on auto, cpu, cuda or cuda:N")


def tensorrt_providers(device: str, half: bool) -> list[Any]:
    """Return the execution providers for TensorRT, best first.

    Raises:
        MissingDependencyError: this ONNX Runtime has no TensorRT.
        ConfigError: the device is no CUDA GPU.
    """
    match = re.fullmatch(r"auto|cuda(?::(\d+))?", device)
    if match is None:
        raise ConfigError(f"device = {device}: TensorRT runs on auto, cuda or cuda:N")
    if _TENSORRT not in ort.get_available_providers():
        raise MissingDependencyError(
            "backend = tensorrt: this ONNX Runtime has no TensorRT; on a machine with an NVIDIA "
            "GPU, install onnxruntime-gpu instead of onnxruntime, and tensorrt"
        )
    options = {"device_id": int(match[1] or 0)}
    return [(_TENSORRT, options | {"trt_fp16_enable": half}), (_CUDA, options)]


def _read_input(source: Any, path: Path) -> tuple[type, int | None, tuple[int, int]]:
    """Return the input's number type, its batch size if fixed, and its (height, width)."""
    kind = _INPUT_TYPES.get(source.type)
    shape = source.shape
    if kind is None or len(shape) != 4 or (isinstance(shape[1], int) and shape[1] != 3):
        raise WeightsError(
            f"{path}: its input is {source.type} {shape}, expected float images (batch, 3, H, W)"
        )
    batch, _, height, width = (size if isinstance(size, int) else None for size in shape)
    return kind, batch, (height or PERSON_SIZE[0], width or PERSON_SIZE[1])
