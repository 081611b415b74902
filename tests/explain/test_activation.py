"""Activation maps against a slow oracle, and the colours of the sheet."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from reid_tracker.encode.preprocess import normalise
from reid_tracker.errors import InputError
from reid_tracker.explain import activation_maps, activation_sheet
from reid_tracker.explain.activation import overlay
from reid_tracker.explain.nets import to_crops
from reid_tracker.osnet import EmbeddingNet
from tests.explain.synthetic import pictures, tiny_net


def plain_map(net: EmbeddingNet, image: np.ndarray) -> np.ndarray:
    """The definition, step by step, for one image."""
    planes = torch.from_numpy(normalise(to_crops([image], net.input_size)))
    features = net.feature_map(planes)[0].numpy()
    height, width = features.shape[1:]
    energy = np.zeros((height, width), np.float32)
    for channel in features:
        for y in range(height):
            for x in range(width):
                energy[y, x] += channel[y, x] ** 2
    energy /= np.linalg.norm(energy)
    enlarged = cv2.resize(energy, (128, 256), interpolation=cv2.INTER_LINEAR)
    return np.asarray((enlarged - enlarged.min()) / (enlarged.max() - enlarged.min() + 1e-12))


@pytest.mark.slow
def test_maps_are_those_of_the_oracle() -> None:
    net, images = tiny_net(), pictures(5)
    maps = activation_maps(net, images, batch_size=2)
    assert maps.shape == (5, 256, 128)
    assert maps.dtype == np.float32
    for image, found in zip(images, maps, strict=True):
        # cv2 interpolates with 11 bits.
        np.testing.assert_allclose(found, plain_map(net, image), atol=2e-3)
        assert (found.min(), found.max()) == (0, pytest.approx(1, abs=1e-5))


def test_features_that_are_the_same_everywhere_give_zero() -> None:
    class Flat(torch.nn.Module):
        input_size = (256, 128)

        def __init__(self) -> None:
            super().__init__()
            self.one = torch.nn.Parameter(torch.ones(1), requires_grad=False)

        def feature_map(self, images: torch.Tensor) -> torch.Tensor:
            return self.one.expand(len(images), 8, 16, 8)

    maps = activation_maps(Flat(), pictures(2))  # type: ignore[arg-type]
    np.testing.assert_allclose(maps, 0, atol=1e-5)


def test_blend_keeps_red_red() -> None:
    """OpenCV's colours are BGR, like the crops; mixed up, red pictures turn blue."""
    red = np.full((1, 4, 4, 3), (0, 0, 255), np.uint8)
    heat, blend = overlay(red, np.zeros((1, 4, 4), np.float32))
    assert heat.max() < 20  # nothing is dark
    assert blend[0, 0, 0, 2] > 80
    assert blend[0, 0, 0, :2].max() < 20
    heat, _ = overlay(red, np.ones((1, 4, 4), np.float32))
    blue, green, reds = heat[0, 0, 0].tolist()
    assert min(green, reds) > 240  # much is yellow
    assert blue < min(green, reds)


@pytest.mark.slow
def test_sheet_shows_pictures_in_their_colours() -> None:
    image = np.full((64, 32, 3), (250, 20, 10), np.uint8)  # blue
    pixels = activation_sheet(tiny_net(), [image] * 5, [f"n${n}" for n in range(5)]).pixels()
    assert pixels.shape[1] <= 2000
    blue = (pixels == (10, 20, 250)).all(axis=2)
    assert blue.sum() == 5 * 224 * 112
    assert not (pixels == (250, 20, 10)).all(axis=2).any()


@pytest.mark.parametrize("labels", [["a"], ["a", "b", "c"]])
def test_labels_of_another_number(labels: list[str]) -> None:
    with pytest.raises(InputError, match=rf"2 images and {len(labels)} labels"):
        activation_sheet(tiny_net(), pictures(2), labels)
