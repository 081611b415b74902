"""Exports run, give the embeddings of their source, and say so only if they do."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from reid_tracker.config import EncoderConfig
from reid_tracker.encode import build_encoder, encoder_thresholds, export
from reid_tracker.encode.export import check_export, export_encoder, read_crops
from reid_tracker.encode.fingerprint import model_fingerprint
from reid_tracker.errors import ConfigError, MissingDependencyError
from tests.encode.samples import picture, some_boxes, tiny_onnx

MODEL = "osnet_x0_25_cuhk03"
CONFIG = EncoderConfig(model=MODEL)


def some_crops(count: int = 24, size: tuple[int, int] = (256, 128)) -> Any:
    return np.stack([picture(*size, seed) for seed in range(count)])


def cosine_to_source(path: Path, model: str = MODEL) -> float:
    rows = [
        build_encoder(name, device="cpu").encode(picture(), some_boxes(8)) for name in (model, path)
    ]
    return float((rows[0] * rows[1]).sum(axis=1).min())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("form", "precision", "least"),
    [
        ("onnx", "fp32", 0.99999),
        ("onnx", "fp16", 0.999),
        ("openvino", "fp32", 0.99999),
        ("openvino", "fp16", 0.999),
    ],
)
def test_exports_are_their_source(form: str, precision: str, least: float, tmp_path: Path) -> None:
    path = tmp_path / ("net.onnx" if form == "onnx" else "net.xml")
    made = export_encoder(CONFIG, path, form, precision, some_crops())
    assert made.same
    assert made.cosine[0] > least
    assert (made.checked, made.real) == (6, True)
    assert min(made.milliseconds) > 0
    config = EncoderConfig(model=str(path))
    assert made.space == model_fingerprint(config) == MODEL
    assert encoder_thresholds(config) == encoder_thresholds(CONFIG)
    assert cosine_to_source(path) > least
    if form == "onnx":
        import onnx

        onnx.checker.check_model(onnx.load(path))


@pytest.mark.slow
@pytest.mark.parametrize("form", ["onnx", "openvino"])
def test_8_bits_count_as_the_source_only_if_they_are_close(form: str, tmp_path: Path) -> None:
    pytest.importorskip("nncf")
    path = tmp_path / ("net.onnx" if form == "onnx" else "net.xml")
    config = EncoderConfig(model=str(tiny_onnx(tmp_path / "tiny.onnx", size=(64, 32))))
    made = export_encoder(config, path, form, "int8", some_crops(40, (64, 32)))
    assert made.same == (made.cosine[0] > 0.99)
    assert 0.9 < made.cosine[0] < 0.999999, "it is computed in 8 bits"
    is_source = made.space == model_fingerprint(config)
    assert is_source == made.same


@pytest.mark.slow
def test_a_far_export_is_another_encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(export.LEAST_COSINE, "fp16", 1.1)
    made = export_encoder(CONFIG, tmp_path / "net.xml", "openvino", "fp16", some_crops())
    assert not made.same
    assert made.path.is_file()
    assert made.space == model_fingerprint(EncoderConfig(model=str(made.path))) != MODEL


@pytest.mark.slow
def test_random_pictures_prove_float32_alone(tmp_path: Path) -> None:
    for precision, space in (("fp32", True), ("fp16", False)):
        made = export_encoder(CONFIG, tmp_path / f"{precision}.onnx", "onnx", precision)
        assert (made.same, made.real) == (True, False)
        assert (made.space == MODEL) is space


@pytest.mark.slow
def test_normalisation_inside(tmp_path: Path) -> None:
    """The file takes what ultralytics feeds it, and this project knows."""
    import onnxruntime as ort

    path = tmp_path / "net.onnx"
    made = export_encoder(CONFIG, path, "onnx", "fp32", with_normalisation=True)
    assert made.same
    image = picture(256, 128)
    images = image[None, ..., ::-1].transpose(0, 3, 1, 2).astype(np.float32) / 255
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    (row,) = session.run(None, {"images": images})[0]
    box = np.array([[0, 0, 128, 256]], np.float32)
    (expected,) = build_encoder(MODEL, device="cpu").encode(image, box)
    np.testing.assert_allclose(row / np.linalg.norm(row), expected, atol=1e-4)
    for backend in ("onnxruntime", "openvino"):
        (found,) = build_encoder(path, device="cpu", backend=backend).encode(image, box)
        np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.slow
def test_an_encoder_with_means_of_its_own(tmp_path: Path) -> None:
    pytest.importorskip("timm")
    config = EncoderConfig(model="timm:test_vit?pretrained=0")
    for form, name in (("onnx", "net.onnx"), ("openvino", "net.xml")):
        made = export_encoder(config, tmp_path / name, form, "fp32")
        assert made.same
        assert cosine_to_source(tmp_path / name, config.model) > 0.9999


def test_an_onnx_file_becomes_openvino(tmp_path: Path) -> None:
    source = tiny_onnx(tmp_path / "tiny.onnx", size=(16, 8), features=4)
    config = EncoderConfig(model=str(source))
    made = export_encoder(config, tmp_path / "net.xml", "openvino", "fp32")
    assert made.same
    assert made.space == model_fingerprint(config)
    source.unlink()
    with pytest.raises(ConfigError, match="cannot be exported further"):
        export_encoder(EncoderConfig(model=str(made.path)), tmp_path / "again.onnx", "onnx", "fp32")


@pytest.mark.parametrize(
    ("form", "precision", "inside", "message"),
    [
        ("coreml", "fp32", False, "--format coreml: expected one of onnx, openvino, tensorrt"),
        ("onnx", "int4", False, "--precision int4: expected one of fp32, fp16, int8"),
        ("openvino", "fp32", True, "OpenVINO files always contain it"),
        ("tensorrt", "int8", False, "expected --precision fp32 or fp16"),
    ],
)
def test_what_is_not_possible(form: str, precision: str, inside: bool, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_export(form, precision, with_normalisation=inside)


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MissingDependencyError, match="onnxruntime-gpu"):
        check_export("tensorrt", "fp16", with_normalisation=False)
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "nncf" else find(name)
    )
    check_export("openvino", "fp16", with_normalisation=False)
    with pytest.raises(MissingDependencyError, match=r"needs the package nncf; .*\[export,onnx\]"):
        check_export("openvino", "int8", with_normalisation=False)


@pytest.mark.slow
def test_8_bits_need_people(tmp_path: Path) -> None:
    config = EncoderConfig(model=str(tiny_onnx(tmp_path / "tiny.onnx", size=(16, 8), features=4)))
    pytest.importorskip("nncf")
    with pytest.raises(ConfigError, match="give --calibrate"):
        export_encoder(config, tmp_path / "net.xml", "openvino", "int8")
    with pytest.raises(ConfigError, match="start from a checkpoint"):
        export_encoder(config, tmp_path / "net.onnx", "onnx", "fp16")


def test_pictures_of_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no pictures of people"):
        read_crops(tmp_path, (16, 8))
    (tmp_path / "deeper").mkdir()
    for name in ("a.png", "deeper/b.png"):
        cv2.imwrite(str(tmp_path / name), picture(32, 16))
    (tmp_path / "c.png").write_text("no picture")
    shutil.copy(tmp_path / "a.png", tmp_path / "a.txt")
    crops = read_crops(tmp_path, (16, 8))
    assert crops.shape == (2, 16, 8, 3)
    np.testing.assert_array_equal(crops[0], crops[1])
