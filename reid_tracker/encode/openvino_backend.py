"""The OpenVINO back end: runs ReID networks in OpenVINO's own format (.xml beside .bin)."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from reid_tracker.encode.base import Crops
from reid_tracker.encode.preprocess import PERSON_SIZE
from reid_tracker.errors import ConfigError, MissingDependencyError, WeightsError

logger = logging.getLogger(__name__)

_MAX_REASON = 160


class OpenVinoNetwork:
    """A network in OpenVINO IR: images (B, 3, H, W) in, embeddings (B, D) out.

    The network receives raw BGR values from 0 to 255, as the ReID networks of Intel's Open Model
    Zoo expect. A network that needs normalised RGB must contain those steps itself
    (`openvino.preprocess` adds them). The batch size of the file is ignored.

    Args:
        path: the .xml file; the .bin file of the same name lies beside it.
        device: "auto" or "cpu".

    Raises:
        MissingDependencyError: OpenVINO is not installed.
        WeightsError: the file is missing, damaged, or does not map images to embeddings.
        ConfigError: the device is not a CPU.
    """

    def __init__(self, path: str | Path, device: str = "auto") -> None:
        self._path = Path(path)
        if device not in ("auto", "cpu"):
            raise ConfigError(f"device = {device}: an OpenVINO network runs on auto or cpu only")
        self._network, self.input_size = _compile(self._path)
        # One run on black crops detects an unsuitable network here, not on the first frame.
        self.embedding_size: int = self._probe()

    def run(self, crops: Crops) -> npt.NDArray[np.float32]:
        """Embed (n, H, W, 3) uint8 BGR crops as (n, D) float32 rows."""
        images = crops.transpose(0, 3, 1, 2).astype(np.float32, order="C")
        output = self._network(images)[0]
        if output.shape[2:] == (1,) * (output.ndim - 2):  # (B, D, 1, 1)
            output = output.reshape(output.shape[:2])
        # A copy: OpenVINO reuses the memory of its output.
        embeddings: npt.NDArray[np.float32] = np.array(output, np.float32)
        return embeddings

    def _probe(self) -> int:
        try:
            output = self.run(np.zeros((2, *self.input_size, 3), np.uint8))
        except Exception as error:  # OpenVINO raises plain RuntimeErrors
            raise WeightsError(
                f"{self._path}: does not run on images of {self.input_size[0]}x"
                f"{self.input_size[1]}: {_reason(error)}"
            ) from None
        if output.ndim != 2 or len(output) != 2:
            raise WeightsError(
                f"{self._path}: returns an array of shape {output.shape} for 2 images, expected "
                "(2, D); it is not a ReID network, or its output is not the embedding"
            )
        return int(output.shape[1])


def _compile(path: Path) -> tuple[Any, tuple[int, int]]:
    """Return the network for any batch size, and the (height, width) of its input."""
    try:
        import openvino
    except ImportError:
        raise MissingDependencyError(
            f"{path}: needs the package openvino; install it with pip install openvino"
        ) from None
    for file in (path, path.with_suffix(".bin")):
        if not file.is_file():
            raise WeightsError(f"{file}: no such file; check the path of the weights")
    try:
        core = openvino.Core()
        model = core.read_model(path)
        size = _input_size(model, path)
        model.reshape({model.input(0): openvino.PartialShape([-1, 3, *size])})
        compiled = core.compile_model(model, "CPU")
    except RuntimeError as error:
        raise WeightsError(
            f"{path}: not an OpenVINO network, or damaged ({_reason(error)}); get the file again"
        ) from None
    logger.info("%s runs on OpenVINO", path)
    return compiled, size


def _input_size(model: Any, path: Path) -> tuple[int, int]:
    shape = model.input(0).get_partial_shape() if len(model.inputs) == 1 else []
    sizes = [side.get_length() if side.is_static else 0 for side in shape]
    if len(sizes) != 4 or sizes[1] not in (0, 3):
        raise WeightsError(f"{path}: its input is {shape}, expected images (batch, 3, H, W)")
    return sizes[2] or PERSON_SIZE[0], sizes[3] or PERSON_SIZE[1]


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:_MAX_REASON]
