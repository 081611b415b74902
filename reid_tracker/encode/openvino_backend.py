"""The OpenVINO back end: runs ONNX files, and OpenVINO's own format (.xml beside .bin), on CPUs."""

from __future__ import annotations

import logging
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from reid_tracker.arrays import Float32Array
from reid_tracker.encode.base import Crops, one_line
from reid_tracker.encode.preprocess import IMAGENET, PERSON_SIZE, Normalisation
from reid_tracker.errors import ConfigError, MissingDependencyError, WeightsError
from reid_tracker.resources import usable_cores
from reid_tracker.telemetry import silence_telemetry
from reid_tracker.zoo.metadata import SPACE_KEY

logger = logging.getLogger(__name__)

_GROUP = 4
"""Crops that one thread takes at once: the most that stay in the cache of a core. Measured with
OSNet x0.25 in bfloat16: 8 to 25 % faster than one by one."""

_CAPABILITY = "BF16"

_MOST_STREAMS = 16
"""Threads that each hold the activations of a group; more do not help a frame of people."""


class OpenVinoNetwork:
    """A network that maps images (B, 3, H, W) to embeddings (B, D).

    An .onnx file gets normalised RGB. An .xml file gets raw BGR values from 0 to 255, as the ReID
    networks of Intel's Open Model Zoo expect; a network that needs normalised RGB must contain
    those steps, and `reid-track export` puts them in. The batch size of the file is ignored.

    Threads take one crop or `_GROUP` crops at a time and never wait for each other inside a
    network: measured 1.5 times faster than one batch that all threads share. The rows are the same
    to the bit, whatever they were encoded with.

    Args:
        path: the .onnx or .xml file; the .bin file of an .xml file lies beside it.
        device: "auto" or "cpu".
        half: compute in bfloat16, if the processor can.
        normalisation: what the network of an .onnx file was trained with.

    Raises:
        MissingDependencyError: OpenVINO is not installed.
        WeightsError: the file is missing, damaged, or does not map images to embeddings.
        ConfigError: the device is not a CPU.
    """

    def __init__(
        self,
        path: str | Path,
        device: str = "auto",
        *,
        half: bool = False,
        normalisation: Normalisation = IMAGENET,
    ) -> None:
        self._path = Path(path)
        if device not in ("auto", "cpu"):
            raise ConfigError(f"device = {device}: an OpenVINO network runs on auto or cpu only")
        self._core = openvino_core(self._path)
        self._half = half and self._has_bfloat16()
        model = read_network(self._path)
        self.input_size = _input_size(model, self._path)
        self._streams = min(usable_cores(), _MOST_STREAMS)
        self._by_size: dict[int, list[Any]] = {}
        # One run on black crops detects an unsuitable network here, not on the first frame.
        try:
            self._model = self._with_crops_as_input(model, normalisation)
            output = self._forward(np.zeros((1, *self.input_size, 3), np.uint8))
        except RuntimeError as error:
            raise WeightsError(
                f"{self._path}: does not run on images of {self.input_size[0]}x"
                f"{self.input_size[1]}: {one_line(error)}"
            ) from None
        if output.ndim != 2:
            raise WeightsError(
                f"{self._path}: returns an array of shape {output.shape} for 1 image, expected "
                "(1, D); it is not a ReID network, or its output is not the embedding"
            )
        self.embedding_size: int = output.shape[1]
        logger.info("%s runs on OpenVINO in %s", path, "bfloat16" if self._half else "float32")

    def run(self, crops: Crops) -> Float32Array:
        """Embed (n, H, W, 3) uint8 BGR crops as (n, D) float32 rows."""
        if len(crops) == 1:
            return self._forward(crops)
        rows = np.empty((len(crops), self.embedding_size), np.float32)
        round_size = _GROUP * self._streams
        grouped = len(crops) // round_size * round_size
        for size, first, last in ((_GROUP, 0, grouped), (1, grouped, len(crops))):
            if first < last:
                self._run_parts(size, crops[first:last], rows[first:last])
        return rows

    def _run_parts(self, size: int, crops: Crops, rows: Float32Array) -> None:
        """Run `size` crops at a time, in turn on every stream."""
        requests = self._requests(size)
        begins = range(0, len(crops), size)
        for turn in range(len(begins) + len(requests)):
            request = requests[turn % len(requests)]
            if 0 <= (done := turn - len(requests)) < len(begins):
                request.wait()
                found = request.get_output_tensor().data
                rows[begins[done] : begins[done] + size] = found.reshape(size, -1)
            if turn < len(begins):
                part = crops[begins[turn] : begins[turn] + size]
                request.start_async({0: part}, share_inputs=True)

    def _forward(self, crops: Crops) -> Float32Array:
        """Run one crop on this thread."""
        request = self._requests(1)[0]
        output: Float32Array = np.array(request.infer({0: crops}, share_inputs=True)[0], np.float32)
        return output.reshape(1, -1) if output.shape[2:] == (1,) * (output.ndim - 2) else output

    def _requests(self, size: int) -> list[Any]:
        """Return the requests that run `size` crops each; compiled when they are first needed.

        Not an `AsyncInferQueue`, which was reported to hang (ultralytics issue 25923).
        """
        if size not in self._by_size:
            import openvino

            model = self._model.clone()
            model.reshape({model.input(0): openvino.PartialShape([size, *self.input_size, 3])})
            options = {
                "INFERENCE_PRECISION_HINT": "bf16" if self._half else "f32",
                "NUM_STREAMS": self._streams,
                "INFERENCE_NUM_THREADS": self._streams,
                # Pinned threads of several processes would share the first cores.
                "ENABLE_CPU_PINNING": False,
            }
            compiled = self._core.compile_model(model, "CPU", options)
            self._by_size[size] = [compiled.create_infer_request() for _ in range(self._streams)]
        return self._by_size[size]

    def _with_crops_as_input(self, model: Any, normalisation: Normalisation) -> Any:
        """Let a network take (B, H, W, 3) uint8 BGR, so that its threads also normalise."""
        from openvino import Layout, Type
        from openvino.preprocess import ColorFormat, PrePostProcessor

        steps = PrePostProcessor(model)
        source = steps.input()
        source.tensor().set_element_type(Type.u8).set_layout(Layout("NHWC"))
        source.tensor().set_color_format(ColorFormat.BGR)
        source.model().set_layout(Layout("NCHW"))
        convert = source.preprocess().convert_element_type(Type.f32)
        if self._path.suffix.lower() == ".onnx":
            convert.convert_color(ColorFormat.RGB)
            convert.mean((255 * np.array(normalisation.mean)).tolist())
            convert.scale((255 * np.array(normalisation.std)).tolist())
        return steps.build()

    def _has_bfloat16(self) -> bool:
        if _CAPABILITY in self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            return True
        logger.warning("half = true has no effect: this processor has no bfloat16")
        return False


def read_network(path: Path) -> Any:
    """Read a network.

    Raises:
        MissingDependencyError: OpenVINO is not installed.
        WeightsError: the file is missing or damaged.
    """
    core = openvino_core(path)
    files = [path] if path.suffix.lower() == ".onnx" else [path, path.with_suffix(".bin")]
    for file in files:
        if not file.is_file():
            raise WeightsError(f"{file}: no such file; check the path of the weights")
    try:
        return core.read_model(path)
    except RuntimeError as error:
        raise WeightsError(
            f"{path}: not an OpenVINO network, or damaged ({one_line(error)}); get the file again"
        ) from None


def stored_space(path: Path) -> str | None:
    """Return the embedding space that an exported .xml file names; None for other files.

    Raises:
        MissingDependencyError: OpenVINO is not installed.
        WeightsError: the file is damaged.
    """
    model = read_network(path)
    return model.get_rt_info(SPACE_KEY).astype(str) if model.has_rt_info(SPACE_KEY) else None


def openvino_core(path: Path) -> Any:
    """Return the OpenVINO of this process.

    Raises:
        MissingDependencyError: OpenVINO is not installed, which the network at `path` needs.
    """
    silence_telemetry()
    try:
        return _only_core()
    except ImportError:
        raise MissingDependencyError(
            f"{path}: needs the package openvino; install it with pip install openvino"
        ) from None


@cache
def _only_core() -> Any:
    """Return a core that lives as long as the process.

    Each CPU plugin gives its thread a stack for signals, and the one before when it ends. Of two
    that end in the order in which they began, the second gives back one that is freed, and the next
    signal ends the process (OpenVINO 2026.4).
    """
    import openvino

    return openvino.Core()


def _input_size(model: Any, path: Path) -> tuple[int, int]:
    shape = model.input(0).get_partial_shape() if len(model.inputs) == 1 else []
    sizes = [side.get_length() if side.is_static else 0 for side in shape]
    if len(sizes) != 4 or sizes[1] not in (0, 3):
        raise WeightsError(f"{path}: its input is {shape}, expected images (batch, 3, H, W)")
    return sizes[2] or PERSON_SIZE[0], sizes[3] or PERSON_SIZE[1]
