"""Placement and precision of the torch back end. No GPU is needed: its presence is pretended."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch
from torch import nn

from reid_tracker.encode import torch_backend
from reid_tracker.encode.preprocess import Normalisation
from reid_tracker.encode.torch_backend import TorchNetwork, resolve_device, resolve_dtype
from reid_tracker.errors import ConfigError, WeightsError
from reid_tracker.osnet import fold_batch_norm, osnet_x0_25
from tests.encode.samples import picture
from tests.oracles import preprocess as oracle


class Recorder(nn.Module):
    """Remembers the images it was given; its embedding is their mean colour."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))
        self.images = torch.empty(0)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.images = images
        return images.mean(dim=(2, 3)) * self.weight


def pretend_gpus(monkeypatch: pytest.MonkeyPatch, *, cuda: int = 0, mps: bool = False) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


@pytest.mark.parametrize(
    ("cuda", "mps", "name", "expected"),
    [
        (0, False, "auto", "cpu"),
        (1, False, "auto", "cuda"),
        (1, True, "auto", "cuda"),
        (0, True, "auto", "mps"),
        (2, True, "cpu", "cpu"),
        (2, False, "cuda:1", "cuda:1"),
        (2, False, "cuda", "cuda"),
        (0, True, "mps", "mps"),
    ],
)
def test_device(
    monkeypatch: pytest.MonkeyPatch, cuda: int, mps: bool, name: str, expected: str
) -> None:
    pretend_gpus(monkeypatch, cuda=cuda, mps=mps)
    assert resolve_device(name) == torch.device(expected)


@pytest.mark.parametrize(
    ("name", "fragment"),
    [("cuda:2", "2 CUDA GPU"), ("mps", "Apple"), ("meta", "expected auto"), ("gpu", "expected")],
)
def test_device_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch, name: str, fragment: str
) -> None:
    pretend_gpus(monkeypatch, cuda=2)
    with pytest.raises(ConfigError, match=f"device = {name}: .*{fragment}"):
        resolve_device(name)


@pytest.mark.parametrize(
    ("device", "half", "expected"),
    [
        ("cpu", None, torch.float32),
        ("cpu", False, torch.float32),
        ("cuda", None, torch.float16),
        ("cuda:1", False, torch.float32),
        ("mps", None, torch.float32),
        ("mps", True, torch.float16),
    ],
)
def test_precision(device: str, half: bool | None, expected: torch.dtype) -> None:
    assert resolve_dtype(torch.device(device), half) == expected


def test_half_on_the_cpu_warns_and_stays_float32(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert resolve_dtype(torch.device("cpu"), True) == torch.float32
    assert "half" in caplog.text


def test_images_reach_the_net_normalised_and_channels_last() -> None:
    recorder = Recorder()
    network = TorchNetwork(recorder, device="cpu", input_size=(24, 16))
    image = picture(24, 16)
    network.run(image[None])
    images = recorder.images
    assert images.shape == (1, 3, 24, 16)
    assert images.dtype == torch.float32
    assert images.is_contiguous(memory_format=torch.channels_last)
    box = np.array([0, 0, 16, 24], np.float32)
    expected = oracle.network_input(image, box, 24, 16)
    np.testing.assert_allclose(images[0].numpy(), expected, atol=2e-6)


def test_own_normalisation() -> None:
    recorder = Recorder()
    half = Normalisation((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    network = TorchNetwork(recorder, device="cpu", input_size=(8, 8), normalisation=half)
    network.run(np.full((1, 8, 8, 3), 255, np.uint8))
    np.testing.assert_allclose(recorder.images.numpy(), 1, atol=1e-6)


def test_half_precision_casts_net_and_images_but_not_the_result(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    crops = np.stack([picture(32, 16, seed) for seed in range(3)])
    full = TorchNetwork(Recorder(), device="cpu", input_size=(32, 16)).run(crops)
    monkeypatch.setattr(torch_backend, "resolve_dtype", lambda device, half: torch.float16)
    recorder = Recorder()
    rows = TorchNetwork(recorder, device="cpu", input_size=(32, 16)).run(crops)
    assert recorder.images.dtype == torch.float16
    assert recorder.weight.dtype == torch.float16
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows, full, atol=5e-3)


def test_net_is_frozen_folded_and_channels_last() -> None:
    net = fold_batch_norm(osnet_x0_25())
    TorchNetwork(net.train(), device="cpu")
    assert not net.training
    assert not any(parameter.requires_grad for parameter in net.parameters())
    assert not any(isinstance(m, nn.BatchNorm2d | nn.BatchNorm1d) for m in net.modules())
    stem = next(m for m in net.modules() if isinstance(m, nn.Conv2d))
    assert stem.weight.is_contiguous(memory_format=torch.channels_last)


def test_net_without_embeddings_is_refused() -> None:
    with pytest.raises(WeightsError, match="expected \\(2, D\\)"):
        TorchNetwork(nn.Conv2d(3, 4, 3), device="cpu", input_size=(8, 8))
