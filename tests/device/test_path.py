from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from reid_tracker.detect.tensors import TensorYolo
from reid_tracker.device.path import DevicePath
from reid_tracker.device.pictures import DevicePicture
from reid_tracker.encode.pooled import PooledEncoder
from reid_tracker.encode.tensors import TensorOsnet
from reid_tracker.encode.torch_backend import TorchNetwork
from reid_tracker.errors import InputError
from reid_tracker.types import Detections, Embeddings, ImageBGR
from tests.device.fakes import Operators, fake_gpu, moved

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")


class Marks(nn.Module):
    """A detector that finds a box of 24 x 48 pixels round each white pixel of an 8-pixel grid."""

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        scores = (pictures[:, :, 4::8, 4::8].mean(dim=1) - 0.05).clamp(min=0).flatten(1)
        rows, columns = (size // 8 for size in pictures.shape[2:])
        y = (torch.arange(rows, device=pictures.device) * 8 + 4).repeat_interleave(columns)
        x = (torch.arange(columns, device=pictures.device) * 8 + 4).repeat(rows)
        boxes = torch.stack([x, y, torch.full_like(x, 24), torch.full_like(x, 48)]).float()
        boxes = boxes.expand(len(pictures), -1, -1)
        return torch.cat([boxes, scores[:, None]], dim=1)


class Means(nn.Module):
    """An encoder of four pooled fields."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.full((12,), 3.0))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return nn.functional.adaptive_avg_pool2d(images, 2).flatten(1) + self.bias


def scene(*marks: tuple[int, int], height: int = 128, width: int = 192) -> ImageBGR:
    image = np.random.default_rng(len(marks)).integers(0, 6, (height, width, 3)).astype(np.uint8)
    for column, row in marks:
        image[row * 8 + 4, column * 8 + 4] = 255 - column - row
    return image


def yolo(device: torch.device = CPU, net: nn.Module | None = None, **options: Any) -> TensorYolo:
    defaults: dict[str, Any] = {
        "device": device,
        "dtype": torch.float32,
        "class_names": {0: "person"},
        "classes": [0],
        "confidence": 0.3,
        "iou": 0.5,
        "image_size": 192,
        "stride": 64,
        "most": 100,
    }
    return TensorYolo(net or Marks(), **defaults | options)


def network() -> TorchNetwork:
    return TorchNetwork(Means(), device="cpu", input_size=(16, 8))


def path(**options: Any) -> DevicePath:
    return DevicePath(yolo(**options), TensorOsnet(network()))


def perceived(device_path: DevicePath, *pictures: Any) -> list[tuple[Detections, Embeddings]]:
    seen = device_path.perceive(pictures)
    return [(found, embeddings) for found, embeddings in seen if embeddings is not None]


def test_detections_and_embeddings_are_those_of_each_picture() -> None:
    pictures = [scene((3, 5), (10, 9)), scene(), scene((5, 5), height=64)]
    seen = perceived(path(), *pictures)
    assert [len(found) for found, _ in seen] == [2, 0, 1]
    np.testing.assert_allclose(seen[0][0].boxes[0], [16, 20, 40, 68], atol=1e-4)
    expected = PooledEncoder(network()).encode_batch(pictures, [found.boxes for found, _ in seen])
    for (_, embeddings), rows in zip(seen, expected, strict=True):
        np.testing.assert_allclose(embeddings, rows, atol=1e-3)  # crops differ by rounding


def test_without_an_encoder_there_are_boxes_alone() -> None:
    device_path = DevicePath(yolo(), None)
    ((found, embeddings),) = device_path.perceive([scene((3, 5))])
    assert (len(found), embeddings) == (1, None)
    assert device_path.embedding_size is None
    assert device_path.perceive([]) == []


def test_pictures_on_the_device_give_the_same() -> None:
    image = scene((3, 5), (10, 9))
    here = perceived(path(), image)
    rgb = DevicePicture.of(np.ascontiguousarray(image[..., ::-1]), "rgb")
    there = perceived(path(), rgb, image)
    for found, embeddings in there:
        np.testing.assert_array_equal(found.boxes, here[0][0].boxes)
        np.testing.assert_array_equal(embeddings, here[0][1])


def test_more_people_than_expected_cost_a_second_copy_once() -> None:
    marks = [(column, row) for column in range(2, 23, 5) for row in range(4, 13, 7)]
    device_path = path()
    crowded = [scene(*marks), scene(*marks[:3])]
    (found, first), (fewer, second) = perceived(device_path, *crowded)
    assert (len(found), len(fewer), device_path.extra_rounds) == (10, 3, 1)
    again = perceived(device_path, *crowded)
    assert device_path.extra_rounds == 1
    np.testing.assert_allclose(again[0][1], first, atol=1e-6)
    np.testing.assert_allclose(again[1][1], second, atol=1e-6)


def test_a_search_that_is_not_exact_is_repeated_more_widely() -> None:
    device_path = path()
    detector: Any = device_path._detector
    detector._candidates = 2
    marks = [(3, 5), (10, 9), (18, 5)]
    ((found, _),) = device_path.perceive([scene(*marks)])
    assert len(found) == 3
    assert device_path.extra_rounds == 1
    device_path.perceive([scene(*marks)])
    assert device_path.extra_rounds == 1


def test_two_batches_may_be_under_way_and_come_back_in_order() -> None:
    device_path = path()
    first = device_path.launch([scene((3, 5))])
    second = device_path.launch([scene((3, 5), (10, 9))])
    with pytest.raises(InputError, match="2 batches are under way: collect the oldest"):
        device_path.launch([scene()])
    with pytest.raises(InputError, match="not the oldest one"):
        device_path.collect(second)
    assert [len(found) for found, _ in device_path.collect(first)] == [1]
    third = device_path.launch([scene()])
    assert [len(found) for found, _ in device_path.collect(second)] == [2]
    assert [len(found) for found, _ in device_path.collect(third)] == [0]


def test_batches_ahead_keep_their_numbers_while_another_needs_a_second_copy() -> None:
    marks = [(column, row) for column in range(2, 23, 5) for row in range(4, 13, 7)]
    batches = [[scene(*marks[:count]), scene(*marks[count:])] for count in (1, 4, 9, 7)]
    batches[2] += batches[0] + batches[1]
    alone = [perceived(path(), *pictures) for pictures in batches]
    device_path = path()
    detector: Any = device_path._detector
    detector._candidates = 2
    pending = device_path.launch(batches[0])
    for number, expected in enumerate(alone):
        ahead = device_path.launch(batches[number + 1]) if number < 3 else None
        for (found, rows), (wanted, wanted_rows) in zip(
            device_path.collect(pending), expected, strict=True
        ):
            np.testing.assert_array_equal(found.boxes, wanted.boxes)
            assert rows is not None
            np.testing.assert_allclose(rows, wanted_rows, atol=1e-6)
        pending = ahead or pending
    assert device_path.extra_rounds > 2


def test_batches_that_nobody_wants_are_forgotten() -> None:
    device_path = path()
    for _ in range(3):
        device_path.launch([scene((3, 5))])
        device_path.launch([scene()])
        device_path.forget()
    assert len(device_path.perceive([scene((3, 5))])) == 1


def test_a_wrong_picture_leaves_the_path_usable() -> None:
    device_path = path()
    with pytest.raises(InputError, match="expected"):
        device_path.perceive([np.zeros((4, 4), np.uint8)])
    assert len(device_path.perceive([scene((3, 5))])) == 1


def test_rows_without_direction_are_reported(caplog: pytest.LogCaptureFixture) -> None:
    class Nothing(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images.flatten(1)[:, :4] * 0

    encoder = TensorOsnet(TorchNetwork(Nothing(), device="cpu", input_size=(16, 8)))
    with caplog.at_level(logging.WARNING):
        ((_, embeddings),) = perceived(DevicePath(yolo(), encoder), scene((3, 5)))
    np.testing.assert_array_equal(embeddings, [[1, 0, 0, 0]])
    assert "1 of 1 embeddings have no direction" in caplog.text


class OnGpu:
    """A path on a fake device."""

    def __init__(self, detector: str, encoder: str) -> None:
        back_end = network()
        with fake_gpu():
            back_end.device = torch.device(encoder)
            back_end.net = moved(back_end.net, encoder)
            back_end._scale = back_end._scale.to(encoder)
            back_end._offset = back_end._offset.to(encoder)
            self.path = DevicePath(yolo(torch.device(detector)), TensorOsnet(back_end))

    def launched(self) -> Operators:
        """Return the operators of a batch of three pictures of known cameras."""
        pictures = [scene((3, 5)), scene(height=64), scene((5, 5))]
        with fake_gpu():
            self.path.launch(pictures)  # sends the cameras' sizes
            seen = Operators()
            with seen:
                self.path.launch(pictures)
        return seen


@pytest.mark.parametrize("device", ["cuda:0", "cuda:1"])
def test_a_batch_on_a_gpu_is_copied_once_each_way_and_nothing_waits(device: str) -> None:
    seen = OnGpu(device, device).launched()
    assert seen.to_host(device) == ["copy_"]
    assert seen.to_device(device) == ["copy_"]
    assert seen.waits() == []
    assert seen.devices() <= {device, "cpu"}


def test_detector_and_encoder_share_a_device() -> None:
    with pytest.raises(InputError, match=r"is on cuda:1, the encoder on cuda:0"):
        OnGpu("cuda:1", "cuda:0")


def test_the_fake_gpu_shows_what_passes_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    embed = TorchNetwork.embed
    monkeypatch.setattr(
        TorchNetwork, "embed", lambda self, crops: embed(self, crops.cpu().to(crops.device))
    )
    assert OnGpu("cuda:1", "cuda:1").launched().to_host("cuda:1") == ["to", "copy_"]
