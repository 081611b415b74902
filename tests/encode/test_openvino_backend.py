"""OpenVINO networks: crops in, embeddings out, and what goes wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reid_tracker.encode import build_encoder
from reid_tracker.encode.onnx_backend import OnnxNetwork
from reid_tracker.encode.openvino_backend import OpenVinoNetwork
from reid_tracker.encode.preprocess import IMAGENET, RAW, Normalisation
from reid_tracker.errors import ConfigError, WeightsError
from tests.encode.samples import tiny_onnx

openvino = pytest.importorskip("openvino")

SIZE = (8, 4)


def write_network(path: Path, shape: tuple[int, ...] = (1, 3, *SIZE), axes: int = 2) -> Path:
    """Write a network that returns the mean of each channel."""
    opset = openvino.opset13
    images = opset.parameter(shape, np.float32, name="images")
    means = opset.reduce_mean(images, np.array([2, 3][:axes]), keep_dims=False)
    openvino.save_model(openvino.Model([means], [images]), path)
    return path


def test_raw_bgr_goes_in_whatever_the_batch(tmp_path: Path) -> None:
    network = OpenVinoNetwork(write_network(tmp_path / "net.xml"))
    assert (network.input_size, network.embedding_size) == (SIZE, 3)
    crops = np.random.default_rng(0).integers(0, 256, (5, *SIZE, 3), dtype=np.uint8)
    for count in (5, 2, 1):
        found = network.run(crops[:count])
        assert np.allclose(found, crops[:count].mean((1, 2)), rtol=1e-6)
    assert found.dtype == np.float32


@pytest.mark.parametrize("streams", [1, 2, 5])
def test_rows_depend_on_nothing_else(
    streams: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the bit, in groups of any size and on any number of cores."""
    monkeypatch.setattr("reid_tracker.encode.openvino_backend.usable_cores", lambda: streams)
    network = OpenVinoNetwork(tiny_onnx(tmp_path / "net.onnx", size=(64, 32)))
    crops = np.random.default_rng(0).integers(0, 256, (23, 64, 32, 3), dtype=np.uint8)
    alone = np.concatenate([network.run(crops[i : i + 1]) for i in range(len(crops))])
    for count in (23, 8, 7):
        np.testing.assert_array_equal(network.run(crops[:count]), alone[:count])


@pytest.mark.parametrize("normalisation", [IMAGENET, RAW])
def test_onnx_files_get_what_onnx_runtime_gives_them(
    normalisation: Normalisation, tmp_path: Path
) -> None:
    path = tiny_onnx(tmp_path / "net.onnx", size=(64, 32), keep_map=True)
    crops = np.random.default_rng(0).integers(0, 256, (9, 64, 32, 3), dtype=np.uint8)
    expected = OnnxNetwork(path, "cpu", normalisation).run(crops)
    found = OpenVinoNetwork(path, normalisation=normalisation).run(crops)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_half_is_bfloat16_where_the_processor_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = tiny_onnx(tmp_path / "net.onnx", size=(64, 32))
    crops = np.random.default_rng(0).integers(0, 256, (9, 64, 32, 3), dtype=np.uint8)
    full = OpenVinoNetwork(path).run(crops)
    half = OpenVinoNetwork(path, half=True).run(crops)
    able = "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    assert (np.abs(half - full).max() > 0) == able
    assert ("no bfloat16" in caplog.text) != able
    np.testing.assert_allclose(half, full, rtol=0.05, atol=0.02)
    monkeypatch.setattr("reid_tracker.encode.openvino_backend._CAPABILITY", "of no processor")
    np.testing.assert_array_equal(OpenVinoNetwork(path, half=True).run(crops), full)
    assert "half = true has no effect: this processor has no bfloat16" in caplog.text


def test_results_outlive_the_next_batch(tmp_path: Path) -> None:
    network = OpenVinoNetwork(write_network(tmp_path / "net.xml"))
    first = network.run(np.full((2, *SIZE, 3), 100, np.uint8))
    network.run(np.full((2, *SIZE, 3), 200, np.uint8))
    assert np.allclose(first, 100, rtol=1e-6)


def test_encoder_by_file_name(tmp_path: Path) -> None:
    encoder = build_encoder(write_network(tmp_path / "net.xml"))
    image = np.zeros((20, 20, 3), np.uint8)
    image[..., 0] = 255
    found = encoder.encode(image, np.array([[2, 2, 10, 18]], np.float32))
    assert found[0].argmax() == 0
    assert np.linalg.norm(found[0]) == pytest.approx(1)


def test_missing_and_damaged_files(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"gone\.xml: no such file"):
        OpenVinoNetwork(tmp_path / "gone.xml")
    path = write_network(tmp_path / "net.xml")
    path.with_suffix(".bin").unlink()
    with pytest.raises(WeightsError, match=r"net\.bin: no such file"):
        OpenVinoNetwork(path)
    for file in (tmp_path / "bad.xml", tmp_path / "bad.bin"):
        file.write_text("no network")
    with pytest.raises(WeightsError, match=r"bad\.xml: not an OpenVINO network, or damaged"):
        OpenVinoNetwork(tmp_path / "bad.xml")


def test_networks_of_another_kind(tmp_path: Path) -> None:
    flat = write_network(tmp_path / "flat.xml", (1, 1, *SIZE))
    with pytest.raises(WeightsError, match=r"its input is .*, expected images \(batch, 3, H, W\)"):
        OpenVinoNetwork(flat)
    maps = write_network(tmp_path / "maps.xml", axes=1)
    with pytest.raises(WeightsError, match=r"returns an array of shape \(1, 3, 4\) for 1 image,"):
        OpenVinoNetwork(maps)
    with pytest.raises(ConfigError, match="device = cuda: an OpenVINO network runs on auto or cpu"):
        OpenVinoNetwork(maps, "cuda")
