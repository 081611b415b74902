"""Embeddings against stored ones, and against the reference network on real crops.

A channel swap or a forgotten normalisation moves every embedding but breaks no shape; only these
tests see it, and they check that they would. `REID_ACCEPT=1` records the stored values anew.
"""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch

from reid_tracker.encode import Encoder, build_encoder
from reid_tracker.encode.pooled import PooledEncoder
from reid_tracker.encode.preprocess import IMAGENET, Normalisation, normalise
from reid_tracker.encode.torch_backend import TorchNetwork
from reid_tracker.osnet import fold_batch_norm, load_onnx_weights, load_weights, osnet_x0_25
from reid_tracker.types import Boxes, Embeddings, ImageBGR
from tests.encode.samples import SHARED_ONNX, TUD, picture, some_boxes

GOLDENS = Path(__file__).parents[1] / "goldens"
UNNORMALISED = Normalisation((0, 0, 0), (1, 1, 1))
BOXES = some_boxes(8, seed=7)
ATOL = 5e-5
"""Of numbers around 0.05: room for other versions of torch and cv2, none for another colour."""


def check_golden(name: str, found: npt.NDArray[np.float32], atol: float) -> None:
    path = GOLDENS / name
    if os.environ.get("REID_ACCEPT") == "1":
        np.save(path, found)
    np.testing.assert_allclose(found, np.load(path), atol=atol, rtol=0)


def numpy_weights() -> dict[str, torch.Tensor]:
    """Random weights by numpy, whose streams are the same in every version and on every machine."""
    rng = np.random.default_rng(2026)
    state = osnet_x0_25().state_dict()
    for name, tensor in state.items():
        values = rng.normal(size=tuple(tensor.shape))
        if name.endswith("running_var"):
            values = 1 + 0.2 * np.abs(values)
        elif tensor.ndim > 1:
            values *= np.sqrt(2 / values[0].size)
        else:
            # Small offsets: with large ones all crops look alike to the net.
            values = 0.02 * values + (".bn.weight" in name or name == "fc.1.weight")
        if tensor.is_floating_point():
            state[name] = torch.from_numpy(values.astype(np.float32))
    return state


def torch_encoder(
    state: dict[str, torch.Tensor], normalisation: Normalisation = IMAGENET
) -> Encoder:
    net = osnet_x0_25()
    load_weights(net, state)
    network = TorchNetwork(fold_batch_norm(net), device="cpu", normalisation=normalisation)
    return PooledEncoder(network)


@pytest.mark.golden
def test_network_input_is_as_stored() -> None:
    crops = np.stack([picture(16, 8, seed) for seed in range(3)])
    check_golden("encode_network_input.npy", normalise(crops), atol=1e-5)


@pytest.mark.golden
def test_embeddings_are_as_stored(tmp_path: Path) -> None:
    torch.save(numpy_weights(), tmp_path / "net.pth")
    found = build_encoder(tmp_path / "net.pth", device="cpu").encode(picture(), BOXES)
    check_golden("encode_embeddings.npy", found, ATOL)


@pytest.mark.slow
@pytest.mark.golden
def test_stored_embeddings_notice_swapped_channels_and_missing_normalisation() -> None:
    stored = np.load(GOLDENS / "encode_embeddings.npy")
    swapped = torch_encoder(numpy_weights()).encode(picture()[..., ::-1], BOXES)
    assert np.abs(swapped - stored).max(axis=1).mean() > 20 * ATOL
    plain = torch_encoder(numpy_weights(), UNNORMALISED).encode(picture(), BOXES)
    assert np.abs(plain - stored).max(axis=1).mean() > 20 * ATOL


def real_crops() -> list[tuple[ImageBGR, Boxes]]:
    """Frames of TUD-Campus with the boxes of the people in them."""
    if not SHARED_ONNX.is_file() or not TUD.is_dir():
        pytest.skip(f"needs {SHARED_ONNX} and {TUD}")
    truth = np.loadtxt(TUD / "gt" / "gt.txt", delimiter=",")
    samples = []
    for frame in (1, 25, 50, 71):
        image = np.asarray(cv2.imread(str(TUD / "img1" / f"{frame:06d}.jpg")), np.uint8)
        boxes = truth[truth[:, 0] == frame, 2:6]
        boxes[:, 2:] += boxes[:, :2]
        samples.append((image, boxes.astype(np.float32)))
    return samples


def encode_all(encoder: Encoder, samples: list[tuple[ImageBGR, Boxes]]) -> Embeddings:
    images, boxes = zip(*samples, strict=True)
    return np.concatenate(encoder.encode_batch(images, boxes))


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.golden
def test_torch_equals_onnx_on_real_crops() -> None:
    samples = real_crops()
    state = load_onnx_weights(SHARED_ONNX)
    reference = encode_all(build_encoder(SHARED_ONNX, device="cpu"), samples)
    assert len(reference) > 15
    found = encode_all(torch_encoder(state), samples)
    np.testing.assert_allclose(found, reference, atol=1e-4, rtol=0)

    swapped = encode_all(torch_encoder(state), [(image[..., ::-1], b) for image, b in samples])
    assert np.abs(swapped - reference).max(axis=1).min() > 0.01
    plain = encode_all(torch_encoder(state, UNNORMALISED), samples)
    assert np.abs(plain - reference).max(axis=1).min() > 0.01


@pytest.mark.shared
@pytest.mark.golden
def test_embeddings_equal_those_that_trackers_are_compared_on() -> None:
    """shared/data/cache holds embeddings of the same network made by independent code."""
    samples = real_crops()
    cache = TUD.parents[1] / "cache" / "TUD-Campus.npz"
    if not cache.is_file():
        pytest.skip(f"needs {cache}")
    stored = np.load(cache)
    rows = stored["frame"] == 25
    found = build_encoder(SHARED_ONNX).encode(samples[1][0], stored["boxes"][rows])
    cosine = (found * stored["embeddings"][rows].astype(np.float32)).sum(axis=1)
    assert cosine.min() > 0.998
