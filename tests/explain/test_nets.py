"""The OSNet behind a name, and crops as it takes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from reid_tracker.encode import build_encoder
from reid_tracker.errors import ConfigError, WeightsError
from reid_tracker.explain import load_osnet
from reid_tracker.explain.nets import network_batches, to_crops
from reid_tracker.osnet import osnet_ain_x0_25, osnet_x0_25
from reid_tracker.train import ONNX_RESULT, RESULT
from reid_tracker.train.loop.result import write_result
from tests.conftest import shared
from tests.explain.synthetic import pictures


def embedded(model: str | Path) -> np.ndarray:
    """Unit rows of pictures by the net that can be looked into."""
    net = load_osnet(model, device="cpu")
    batches = network_batches(net, to_crops(pictures(5), net.input_size), 2)
    rows = np.concatenate([net.embed(batch).numpy() for batch in batches])
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def encoded(model: str | Path) -> np.ndarray:
    """The same by the encoder of that name."""
    images = pictures(5)
    boxes = [np.array([[0, 0, *image.shape[1::-1]]], np.float32) for image in images]
    encoder = build_encoder(str(model), device="cpu")
    return np.concatenate(encoder.encode_batch(images, boxes))


@pytest.mark.parametrize(
    "build", [osnet_x0_25, pytest.param(osnet_ain_x0_25, marks=pytest.mark.slow)]
)
def test_checkpoint_is_the_net_of_the_encoder(tmp_path: Path, build: type) -> None:
    path = tmp_path / "net.pth"
    torch.save(build().state_dict(), path)
    np.testing.assert_allclose(embedded(path), encoded(path), atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", [RESULT, ONNX_RESULT])
def test_a_net_of_smaller_images_gets_those(tmp_path: Path, name: str) -> None:
    write_result(osnet_x0_25(), tmp_path, (128, 64))
    assert load_osnet(tmp_path / name).input_size == (128, 64)
    np.testing.assert_allclose(embedded(tmp_path / name), encoded(tmp_path / name), atol=1e-4)


def test_published_size_is_the_untrained_net_of_the_encoder() -> None:
    np.testing.assert_allclose(embedded("osnet_x0_25"), encoded("osnet_x0_25"), atol=1e-5)


@pytest.mark.slow
@pytest.mark.shared
def test_onnx_is_the_net_of_the_encoder() -> None:
    pytest.importorskip("onnx")
    path = shared("weights", "osnet_x0_25_msmt17.onnx")
    np.testing.assert_allclose(embedded(path), encoded(path), atol=1e-4)


@pytest.mark.parametrize("name", ["timm:resnet18", "none"])
def test_no_osnet(name: str) -> None:
    with pytest.raises(WeightsError, match="not an OSNet"):
        load_osnet(name)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no such file"):
        load_osnet(tmp_path / "nowhere.pth")


def test_another_net(tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(2, 2).state_dict(), tmp_path / "linear.pth")
    with pytest.raises(WeightsError, match=r"linear\.pth: not the weights of an OSNet"):
        load_osnet(tmp_path / "linear.pth")


def test_unknown_device() -> None:
    with pytest.raises(ConfigError, match="abacus"):
        load_osnet("osnet_x0_25", device="abacus")
