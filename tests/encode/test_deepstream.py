"""The files of configs/deploy/deepstream fit the ONNX that their headers tell to export.

NVIDIA documents what nvtracker and nvinfer do with a crop: resize it, order the channels, and
compute factor * (pixel - offset). Here that is done in numpy; DeepStream itself needs a GPU.
"""

from __future__ import annotations

import configparser
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
import pytest
import yaml

from reid_tracker import build_encoder
from reid_tracker.arrays import Float32Array
from reid_tracker.cli.main import main
from reid_tracker.types import ImageBGR
from tests.conftest import ROOT

FOLDER = ROOT / "configs" / "deploy" / "deepstream"
TRACKER, INFER = FOLDER / "nvtracker_reid.yml", FOLDER / "nvinfer_osnet.txt"

pytestmark = pytest.mark.slow


def of_tracker() -> dict[str, Any]:
    """Return nvtracker's settings; its files begin with a line that is not YAML."""
    text = TRACKER.read_text(encoding="utf-8")
    assert text.startswith("%YAML:1.0\n")
    settings: dict[str, Any] = yaml.safe_load(text.partition("\n")[2])["ReID"]
    return settings


def of_infer() -> dict[str, Any]:
    """Return nvinfer's settings under the names that nvtracker has for them."""
    parser = configparser.ConfigParser()
    parser.read(INFER, encoding="utf-8")
    given = parser["property"]
    return {
        "inferDims": [int(n) for n in given["infer-dims"].split(";")],
        "colorFormat": given.getint("model-color-format"),
        "netScaleFactor": given.getfloat("net-scale-factor"),
        "offsets": [float(n) for n in given["offsets"].split(";")],
        "keepAspc": given.getint("maintain-aspect-ratio"),
        "inputOrder": 0,  # nvinfer's default, NCHW
        "onnxFile": given["onnx-file"],
        "batchSize": given.getint("batch-size"),
        "modelEngineFile": given["model-engine-file"],
    }


SETTINGS = {"nvtracker": of_tracker, "nvinfer": of_infer}


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> onnxruntime.InferenceSession:
    """The file that the command in the headers makes."""
    commands = {
        re.findall(r"# +reid-track (export .*)\n", path.read_text(encoding="utf-8"))[0]
        for path in (TRACKER, INFER)
    }
    (command,) = commands
    words = command.split()
    words[-1] = str(tmp_path_factory.mktemp("export") / words[-1])
    assert main(words) == 0
    return onnxruntime.InferenceSession(words[-1], providers=["CPUExecutionProvider"])


def people() -> list[ImageBGR]:
    clip = cv2.VideoCapture(str(ROOT / "demo" / "pedestrians.mp4"))
    _, frame = clip.read()
    clip.release()
    places = ((100, 60), (300, 80), (500, 70), (350, 40))
    return [np.asarray(frame[100:260, x : x + width], np.uint8) for x, width in places]


def preprocessed(crop: ImageBGR, settings: Mapping[str, Any]) -> Float32Array:
    """Return (1, 3, H, W), as NVIDIA documents it."""
    _, height, width = settings["inferDims"]
    if settings["keepAspc"]:
        scale = min(height / crop.shape[0], width / crop.shape[1])
        small = cv2.resize(crop, None, fx=scale, fy=scale)
        below, right = height - small.shape[0], width - small.shape[1]
        image = cv2.copyMakeBorder(small, 0, below, 0, right, cv2.BORDER_CONSTANT)
    else:
        image = cv2.resize(crop, (width, height))
    ordered = image if settings["colorFormat"] else image[..., ::-1]
    pixels = settings["netScaleFactor"] * (ordered.astype(np.float32) - settings["offsets"])
    planes: Float32Array = np.ascontiguousarray(pixels.transpose(2, 0, 1)[None], np.float32)
    return planes


def rows(network: onnxruntime.InferenceSession, settings: Mapping[str, Any]) -> Float32Array:
    found = [network.run(None, {"images": preprocessed(crop, settings)})[0] for crop in people()]
    embeddings = np.concatenate(found)
    unit: Float32Array = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    return unit


@pytest.mark.parametrize("name", SETTINGS)
def test_shapes_and_names_are_those_of_the_file(
    name: str, network: onnxruntime.InferenceSession
) -> None:
    settings = SETTINGS[name]()
    (given,), (made,) = network.get_inputs(), network.get_outputs()
    assert (given.name, given.shape[1:]) == ("images", settings["inferDims"])
    assert isinstance(given.shape[0], str), "the size of the batch must be free"
    assert made.shape[1] == of_tracker()["reidFeatureSize"]
    assert settings["inputOrder"] == 0
    built = f"{settings['onnxFile']}_b{settings['batchSize']}_gpu0_fp16.engine"
    assert settings["modelEngineFile"] == built


@pytest.mark.parametrize("name", SETTINGS)
def test_embeddings_are_ours(name: str, network: onnxruntime.InferenceSession) -> None:
    expected = build_encoder("osnet_x0_5_market_cuhk03").encode_crops(people())
    settings = SETTINGS[name]()
    assert (rows(network, settings) * expected).sum(axis=1).min() > 0.9999
    wrong: list[dict[str, Any]] = [
        {"colorFormat": 1},
        {"keepAspc": 1},
        {"netScaleFactor": 0.01735207},
        {"offsets": [123.675, 116.28, 103.53]},
    ]
    for slip in wrong:  # the comparison would see it
        cosines = (rows(network, settings | slip) * expected).sum(axis=1)
        assert cosines.min() < 0.99, slip


def test_embeddings_are_normalised_by_nvtracker(network: onnxruntime.InferenceSession) -> None:
    raw = network.run(None, {"images": preprocessed(people()[0], of_tracker())})[0]
    assert abs(np.linalg.norm(raw) - 1) > 0.1
    assert of_tracker()["addFeatureNormalization"] == 1


def test_paths_are_told_to_be_exported() -> None:
    assert Path(of_tracker()["onnxFile"]).name == of_infer()["onnxFile"] == "osnet.onnx"
