from __future__ import annotations

import numpy as np
import pytest
import torch

from reid_tracker.device.transfer import Uploader
from reid_tracker.encode.pooled import PooledEncoder
from reid_tracker.encode.preprocess import Cropping
from reid_tracker.encode.tensors import TensorOsnet, unit_rows
from reid_tracker.encode.torch_backend import TorchNetwork, untrained_network
from tests.encode.samples import picture, some_boxes


@pytest.fixture(scope="module")
def network() -> TorchNetwork:
    return untrained_network("osnet_x0_25", "cpu", None)


@pytest.mark.slow
@pytest.mark.parametrize("cropping", [Cropping(), Cropping(rounded=True, scale=1.02, padding=10)])
def test_embeddings_are_those_of_the_encoder(network: TorchNetwork, cropping: Cropping) -> None:
    images = [picture(), picture(seed=1)]
    boxes = some_boxes(12)
    expected = PooledEncoder(network, cropping=cropping).encode_batch(images, [boxes, boxes])
    pool = Uploader(torch.device("cpu")).upload(images)
    numbers = torch.arange(2).repeat_interleave(12)
    with torch.inference_mode():
        rows = TensorOsnet(network, batch_size=8, cropping=cropping).embed(
            pool, torch.from_numpy(np.concatenate([boxes, boxes])), numbers
        )
    cosines = (rows.numpy() * np.concatenate(expected)).sum(axis=1)
    assert cosines.min() > 0.9999


def test_no_boxes_give_no_rows(network: TorchNetwork) -> None:
    pool = Uploader(torch.device("cpu")).upload([picture()])
    rows = TensorOsnet(network).embed(pool, torch.zeros(0, 4), torch.zeros(0, dtype=torch.long))
    assert rows.shape == (0, 512)


def test_rows_have_length_one_or_point_nowhere_else() -> None:
    rows = unit_rows(torch.tensor([[3.0, 4, 0], [0, 0, 0], [torch.nan, 1, 1], [0, torch.inf, 0]]))
    assert rows.tolist() == [[pytest.approx(0.6), pytest.approx(0.8), 0], *[[1, 0, 0]] * 3]
