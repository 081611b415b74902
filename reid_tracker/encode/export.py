"""Writes an encoder in another format, and measures that it gives the same embeddings."""

from __future__ import annotations

import copy
import importlib.util
import logging
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from reid_tracker.config import EncoderConfig
from reid_tracker.encode.backends import ONNX_RUNTIME, OPENVINO, TENSORRT
from reid_tracker.encode.base import Crops, Network, one_line
from reid_tracker.encode.build import build_network, resolve_model
from reid_tracker.encode.fingerprint import model_fingerprint
from reid_tracker.encode.openvino_backend import read_network
from reid_tracker.encode.pooled import unit_rows
from reid_tracker.encode.preprocess import IMAGENET, RAW, normalise
from reid_tracker.errors import ConfigError, MissingDependencyError, OutputError
from reid_tracker.telemetry import silence_telemetry
from reid_tracker.zoo.metadata import INPUT_KEY, INPUT_RGB_01, SPACE_KEY, metadata_entry

FORMATS = ("onnx", "openvino", "tensorrt")
LEAST_COSINE = {"fp32": 0.99999, "fp16": 0.999, "int8": 0.99}
"""Precisions, and the cosine to the source below which an export is not the same encoder."""

_MOST_CALIBRATION = 200
_MOST_CHECKED = 64
_TIMED_BATCH = 8
_TIMED_RUNS = 5


@dataclass(frozen=True)
class Exported:
    """What came of an export.

    Attributes:
        path: the file.
        cosine: least and mean cosine to the source's embeddings.
        checked: number of crops that were compared.
        real: whether these were people's, not random pictures.
        same: whether the embeddings are close enough to count as the source's.
        space: the embedding space that the file belongs to.
        milliseconds: per crop, of the source and of the export, in batches of 8 on this machine.
    """

    path: Path
    cosine: tuple[float, float]
    checked: int
    real: bool
    same: bool
    space: str
    milliseconds: tuple[float, float]


def export_encoder(
    config: EncoderConfig,
    path: Path,
    form: str,
    precision: str,
    crops: Crops | None = None,
    *,
    with_normalisation: bool = False,
) -> Exported:
    """Write an encoder in another format, and compare its embeddings with the source's in float32.

    An export names the space of its source only if it was measured on people's crops that its
    calibration did not see, and is close enough; in float32, random pictures are enough.

    Args:
        config: which encoder.
        path: of the result, .onnx or, for OpenVINO, .xml.
        form: of `FORMATS`. TensorRT's has not been tested.
        precision: "fp32", "fp16" (weights of OpenVINO, all of ONNX) or "int8".
        crops: people's, (n, H, W, 3) uint8 BGR at the size of the network; required for int8. A
            quarter is compared, the others calibrate.
        with_normalisation: let the .onnx file take RGB from 0 to 1, as ultralytics feeds it.

    Raises:
        ConfigError: the combination is not possible.
        WeightsError: the source is not on this machine, or is damaged.
        MissingDependencyError: a package is missing.
        OutputError: the file cannot be written.
    """
    check_export(form, precision, with_normalisation=with_normalisation)
    config = replace(resolve_model(config), device="cpu", half=False, backend="auto")
    source = build_network(config)
    if precision == "int8" and (crops is None or len(crops) < 2):
        raise ConfigError("--precision int8 is calibrated on people: give --calibrate")
    real = crops is not None and len(crops) > 1
    if not real or crops is None:
        crops = _random_pictures(source.input_size)
    held = np.arange(len(crops)) % 4 == 0
    calibration = _spread(crops[~held], _MOST_CALIBRATION)
    checked = _spread(crops[held], _MOST_CHECKED)
    space = model_fingerprint(config)
    try:
        writer = _Writer(source, config.model, path, precision, calibration)
        writer.write(form, with_normalisation=with_normalisation)
        made = build_network(replace(config, model=str(path), backend=_BACKENDS[form]))
        rows = [unit_rows(network.run(checked)) for network in (source, made)]
        cosine = (rows[0] * rows[1]).sum(axis=1)
        close = bool(cosine.min() > LEAST_COSINE[precision])
        same = close and (real or precision == "fp32")
        if same:
            writer.name_space(form, space)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from None
    del made
    made = build_network(replace(config, model=str(path), backend=_BACKENDS[form]))
    return Exported(
        path=path,
        cosine=(float(cosine.min()), float(cosine.mean())),
        checked=len(checked),
        real=real,
        same=close,
        space=model_fingerprint(replace(config, model=str(path))),
        milliseconds=_times(source, made, checked),
    )


_BACKENDS = {"onnx": ONNX_RUNTIME, "openvino": OPENVINO, "tensorrt": TENSORRT}


def check_export(form: str, precision: str, *, with_normalisation: bool) -> None:
    """Refuse before anything is computed what would fail at the end.

    Raises:
        ConfigError: the combination is not possible.
        MissingDependencyError: a package is missing.
    """
    if form not in FORMATS:
        raise ConfigError(f"--format {form}: expected one of {', '.join(FORMATS)}")
    if precision not in LEAST_COSINE:
        raise ConfigError(f"--precision {precision}: expected one of {', '.join(LEAST_COSINE)}")
    if with_normalisation and form == "openvino":
        raise ConfigError("--with-normalisation is for ONNX; OpenVINO files always contain it")
    if form == "tensorrt":
        if precision == "int8":
            raise ConfigError("--format tensorrt: expected --precision fp32 or fp16")
        from reid_tracker.encode.onnx_backend import tensorrt_providers

        tensorrt_providers("auto", half=False)
    needed = ["nncf"] * (precision == "int8") + ["onnx"] * (form == "onnx" and precision == "int8")
    for package in [*needed, *["openvino"] * (form == "openvino")]:
        if importlib.util.find_spec(package) is None:
            raise MissingDependencyError(
                f"--format {form} --precision {precision} needs the package {package}; install it "
                "with pip install 'reid-tracker[export,onnx]'"
            )


def network_size(config: EncoderConfig) -> tuple[int, int]:
    """Return the (height, width) of an encoder's crops."""
    return build_network(replace(resolve_model(config), device="cpu")).input_size


class _Writer:
    """Writes one network; `calibration` are the crops that int8 is fitted to."""

    def __init__(
        self, source: Network, model: str, path: Path, precision: str, calibration: Crops
    ) -> None:
        self._source, self._model, self._path = source, model, path
        self._precision, self._calibration = precision, calibration
        self._openvino: Any = None

    def write(self, form: str, *, with_normalisation: bool) -> None:
        if form == "openvino":
            self._write_openvino()
            return
        half = self._precision == "fp16" and form == "onnx"
        data = self._onnx(half=half, with_normalisation=with_normalisation)
        if self._precision == "int8":
            data = self._quantised(data)
        if form == "onnx":
            self._path.write_bytes(data)
            return
        from reid_tracker.encode.onnx_backend import write_engine

        with tempfile.TemporaryDirectory() as folder:
            plain = Path(folder) / "net.onnx"
            plain.write_bytes(data)
            write_engine(plain, self._path, half=self._precision == "fp16")

    def name_space(self, form: str, space: str) -> None:
        if form == "openvino":
            self._openvino.set_rt_info(space, SPACE_KEY)
            self._save_openvino()
        else:
            with self._path.open("ab") as file:
                file.write(metadata_entry(SPACE_KEY, space))

    def _onnx(self, *, half: bool, with_normalisation: bool) -> bytes:
        if self._model.lower().endswith(".onnx"):
            if half or with_normalisation:
                raise ConfigError(
                    f"{self._model}: --precision fp16 and --with-normalisation of ONNX start from "
                    "a checkpoint (.pth); name that"
                )
            return Path(self._model).read_bytes()
        if self._model.lower().endswith(".xml"):
            raise ConfigError(f"{self._model}: an OpenVINO file cannot be exported further")
        from reid_tracker.encode.torch_backend import TorchNetwork, with_types
        from reid_tracker.osnet import to_onnx

        if not isinstance(self._source, TorchNetwork):
            raise ConfigError(f"{self._model}: cannot be exported; name a checkpoint")
        inside = with_normalisation or self._source.normalisation != IMAGENET
        norm = self._source.normalisation if inside else None
        net = with_types(copy.deepcopy(self._source.net), norm, half=half)
        data = to_onnx(net, self._source.input_size)
        return data + metadata_entry(INPUT_KEY, INPUT_RGB_01) if inside else data

    def _quantised(self, data: bytes) -> bytes:
        import onnx

        model = onnx.load_from_string(data)
        inside = any(one.key == INPUT_KEY for one in model.metadata_props)
        del model.metadata_props[:]  # an 8-bit form has to earn the space of its source
        name = model.graph.input[0].name
        images = normalise(self._calibration, RAW if inside else IMAGENET)
        made: bytes = _quantise(model, [{name: one[None]} for one in images]).SerializeToString()
        return made + metadata_entry(INPUT_KEY, INPUT_RGB_01) if inside else made

    def _write_openvino(self) -> None:
        silence_telemetry()
        import openvino
        from openvino import Layout, Type
        from openvino.preprocess import ColorFormat, PrePostProcessor

        size = self._source.input_size
        data = self._onnx(half=False, with_normalisation=False)
        with tempfile.TemporaryDirectory() as folder:
            plain = Path(folder) / "net.onnx"
            plain.write_bytes(data)
            model = read_network(plain)
        inside = model.has_rt_info(["framework", INPUT_KEY])
        norm = RAW if inside else IMAGENET
        steps = PrePostProcessor(model)
        source = steps.input()
        source.tensor().set_element_type(Type.f32).set_layout(Layout("NCHW"))
        source.tensor().set_color_format(ColorFormat.BGR)
        source.model().set_layout(Layout("NCHW"))
        normed = source.preprocess().convert_color(ColorFormat.RGB)
        normed.mean((255 * np.array(norm.mean)).tolist())
        normed.scale((255 * np.array(norm.std)).tolist())
        model = steps.build()
        model.reshape({model.input(0): openvino.PartialShape([-1, 3, *size])})
        if self._precision == "int8":
            images = self._calibration.transpose(0, 3, 1, 2).astype(np.float32)
            model = _quantise(model, [one[None] for one in images])
        self._openvino = model
        self._save_openvino()

    def _save_openvino(self) -> None:
        import openvino

        half = self._precision == "fp16"
        try:
            openvino.save_model(self._openvino, self._path, compress_to_fp16=half)
        except RuntimeError as error:
            raise OutputError(f"cannot write {self._path}: {one_line(error)}") from None


def _quantise(model: Any, items: list[Any]) -> Any:
    silence_telemetry()
    import nncf

    logging.getLogger("nncf").setLevel(logging.ERROR)
    return nncf.quantize(model, nncf.Dataset(items), subset_size=len(items))


def _spread(crops: Crops, most: int) -> Crops:
    """Return some of the crops, from the first to the last."""
    rows = np.linspace(0, len(crops) - 1, min(len(crops), most)).round().astype(np.int64)
    return crops[rows]


def _random_pictures(size: tuple[int, int]) -> Crops:
    """Return smooth random pictures, which excite a network more evenly than noise."""
    small = np.random.default_rng(0).integers(0, 256, (32, 16, 8, 3), dtype=np.uint8)
    return np.stack([cv2.resize(one, size[::-1], interpolation=cv2.INTER_CUBIC) for one in small])


def _times(source: Network, made: Network, crops: Crops) -> tuple[float, float]:
    """Return the median milliseconds per crop of two networks, run in turn."""
    batch = np.resize(crops, (_TIMED_BATCH, *crops.shape[1:]))
    seconds = np.empty((2, _TIMED_RUNS))
    for run in range(_TIMED_RUNS):
        for row, network in enumerate((source, made)):
            start = time.perf_counter()
            network.run(batch)
            seconds[row, run] = time.perf_counter() - start
    first, second = 1000 * np.median(seconds, axis=1) / _TIMED_BATCH
    return float(first), float(second)


def read_crops(folder: Path, size: tuple[int, int]) -> Crops:
    """Read the pictures of a folder and of those below it, each of one person, as crops.

    Raises:
        ConfigError: there is no picture.
    """
    kinds = {".jpg", ".jpeg", ".png", ".bmp", ".webp"}
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in kinds)
    step = max(1, len(files) // (2 * (_MOST_CALIBRATION + _MOST_CHECKED)))
    images = [cv2.imread(str(path)) for path in files[::step]]
    crops = [cv2.resize(image, size[::-1]) for image in images if image is not None]
    if not crops:
        raise ConfigError(f"--calibrate {folder}: no pictures of people are in it")
    return np.asarray(np.stack(crops), np.uint8)
