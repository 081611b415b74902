"""A model's fingerprint follows its weights, not its place nor the kind of its file."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from reid_tracker.config import EncoderConfig
from reid_tracker.encode import build_encoder
from reid_tracker.encode.fingerprint import model_fingerprint
from reid_tracker.encode.preprocess import PERSON_SIZE
from reid_tracker.errors import WeightsError
from reid_tracker.osnet import OSNETS
from reid_tracker.resources import shipped
from reid_tracker.train import ONNX_RESULT, RESULT
from reid_tracker.train.loop.result import write_result
from reid_tracker.video import open_source
from reid_tracker.zoo.content import content_of
from reid_tracker.zoo.metadata import SPACE_KEY
from tests.conftest import ROOT
from tests.encode.samples import tiny_onnx
from tests.osnet.test_fold import with_random_norms


def test_it_is_the_hash_of_the_file(tmp_path: Path) -> None:
    first, second = tmp_path / "a.pth", tmp_path / "b.pth"
    for path in (first, second):
        path.write_bytes(b"weights")
    expected = hashlib.sha256(b"weights").hexdigest()
    assert model_fingerprint(EncoderConfig(model=str(first))) == expected
    assert model_fingerprint(EncoderConfig(model=str(second))) == expected
    second.write_bytes(b"others")
    assert model_fingerprint(EncoderConfig(model=str(second))) != expected


@pytest.mark.parametrize("name", ["osnet_x0_5_market_cuhk03", "osnet_x0_25_cuhk03"])
def test_forms_of_a_shipped_model_are_one(name: str, tmp_path: Path) -> None:
    for suffix in (".onnx", ".pth"):
        copy = tmp_path / f"mine{suffix}"
        shutil.copy(shipped("weights", f"{name}{suffix}"), copy)
        assert model_fingerprint(EncoderConfig(model=str(copy))) == name
    for model in (name, f"{name}_onnx"):
        assert model_fingerprint(EncoderConfig(model=model)) == name


@pytest.mark.slow
@pytest.mark.parametrize("name", ["osnet_x0_5_market_cuhk03", "osnet_x0_25_cuhk03"])
def test_forms_of_one_fingerprint_give_the_same_embeddings(name: str) -> None:
    boxes = np.array([[x, 20, x + 60, 200] for x in range(0, 640, 40)], np.float32)
    with open_source(str(ROOT / "demo" / "pedestrians.mp4")) as source:
        image = next(iter(source)).image
    rows = [
        build_encoder(str(shipped("weights", f"{name}{suffix}")), device="cpu").encode(image, boxes)
        for suffix in (".onnx", ".pth")
    ]
    assert (rows[0] * rows[1]).sum(axis=1).min() > 0.999


@pytest.mark.slow
@pytest.mark.parametrize("size", [PERSON_SIZE, (64, 32)])
def test_an_export_is_its_checkpoint(size: tuple[int, int], tmp_path: Path) -> None:
    """Both take images of the size that the net was trained with."""
    write_result(with_random_norms(OSNETS["osnet_x0_25"]()), tmp_path, size)
    found = {
        model_fingerprint(EncoderConfig(model=str(tmp_path / name)))
        for name in (RESULT, ONNX_RESULT)
    }
    assert found == {content_of(tmp_path / RESULT).sha256}
    onnx.checker.check_model(onnx.load(tmp_path / ONNX_RESULT))
    image = np.random.default_rng(0).integers(0, 256, (300, 200, 3), np.uint8)
    boxes = np.array([[10, 20, 90, 200], [50, 5, 150, 290]], np.float32)
    rows = [
        build_encoder(str(tmp_path / name), device="cpu").encode(image, boxes)
        for name in (RESULT, ONNX_RESULT)
    ]
    assert (rows[0] * rows[1]).sum(axis=1).min() > 0.9999


def test_openvino_files_differ_by_their_weights(tmp_path: Path) -> None:
    openvino = pytest.importorskip("openvino")

    def written(name: str, space: str | None) -> Path:
        opset = openvino.opset13
        images = opset.parameter((1, 3, 8, 4), np.float32)
        weighted = opset.multiply(images, np.full((1, 3, 1, 1), 2.5, np.float32))
        model = openvino.Model([opset.reduce_mean(weighted, np.array([2, 3]))], [images])
        if space is not None:
            model.set_rt_info(space, SPACE_KEY)
        openvino.save_model(model, tmp_path / name)
        return tmp_path / name

    def found(path: Path) -> str:
        return model_fingerprint(EncoderConfig(model=str(path)))

    path = written("a.xml", None)
    for suffix in (".xml", ".bin"):
        shutil.copy(path.with_suffix(suffix), tmp_path / f"b{suffix}")
    assert found(path) == found(tmp_path / "b.xml")
    weights = bytearray((tmp_path / "b.bin").read_bytes())
    weights[0] ^= 1
    (tmp_path / "b.bin").write_bytes(weights)
    assert found(path) != found(tmp_path / "b.xml")
    assert found(written("c.xml", "osnet_x0_25_cuhk03")) == "osnet_x0_25_cuhk03"
    assert len(found(written("c.xml", "no name"))) == 64


def test_wider_crops_are_a_space_of_their_own() -> None:
    def found(**options: Any) -> str:
        return model_fingerprint(EncoderConfig(model="osnet_x0_25_cuhk03", **options))

    plain = found()
    assert found(crop_rounded=True, batch_size=3) == found(backend="torch") == plain
    wide = found(crop_scale=1.02), found(crop_padding=10), found(crop_scale=1.02, crop_padding=10)
    assert len({plain, *wide}) == 4


@pytest.mark.parametrize("space", ["no name", "", "x" * 101])
def test_metadata_that_name_no_space_are_ignored(space: str, tmp_path: Path) -> None:
    path = tiny_onnx(tmp_path / "a.onnx")
    model = onnx.load(path)
    model.metadata_props.add(key=SPACE_KEY, value=space)
    onnx.save(model, path)
    assert model_fingerprint(EncoderConfig(model=str(path))) == content_of(path).sha256


def test_a_damaged_export_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(b"weights")
    with pytest.raises(WeightsError, match="not an ONNX file"):
        model_fingerprint(EncoderConfig(model=str(tmp_path / "a.onnx")))


def test_models_without_a_file_are_known_by_name() -> None:
    found = {model_fingerprint(EncoderConfig(model=name)) for name in ("osnet_x0_25", "timm:x")}
    assert hashlib.sha256(b"osnet_x0_25").hexdigest() in found
    assert len(found) == 2


def test_a_model_that_is_not_here_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reid_tracker.zoo.locate", lambda entry, manifest: None)
    with pytest.raises(WeightsError, match="weights pull osnet_x1_0_msmt17"):
        model_fingerprint(EncoderConfig(model="osnet_x1_0_msmt17"))
