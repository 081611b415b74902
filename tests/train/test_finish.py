"""Averaging with the start and lowering of outputs, against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from reid_tracker.errors import ConfigError
from reid_tracker.osnet import osnet_x0_25
from reid_tracker.train.augment import standardise
from reid_tracker.train.finish import average_with, before_relu, finish
from reid_tracker.train.images import MemoryCrops, to_unit_rgb
from reid_tracker.train.recipe import ModelRecipe, Phase, Recipe
from reid_tracker.train.teacher import Lessons


def test_average_is_linear_and_leaves_foreign_names_alone() -> None:
    net, start = osnet_x0_25(num_classes=3), osnet_x0_25(num_classes=5).state_dict()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    average_with(net, start, 0.25)
    after = net.state_dict()
    expected = 0.25 * start["conv1.conv.weight"] + 0.75 * before["conv1.conv.weight"]
    torch.testing.assert_close(after["conv1.conv.weight"], expected)
    assert after["classifier.weight"].equal(before["classifier.weight"])


def test_outputs_are_lowered_and_the_trained_net_is_unharmed() -> None:
    torch.manual_seed(0)
    net = osnet_x0_25(num_classes=4).train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    crops = np.random.default_rng(0).integers(0, 256, (60, 32, 16, 3), dtype=np.uint8)
    lessons = Lessons(np.empty((0, 8), "f4"), MemoryCrops(crops), np.empty((60, 8), "f4"))
    left = finish(net, Recipe(phases=(Phase(1, 32, 16),), output_shift=0.5), lessons)
    assert net.training
    assert all(value.equal(before[name]) for name, value in net.state_dict().items())
    images = standardise(to_unit_rgb(crops))
    plain, lowered = before_relu(net.eval(), images), before_relu(left, images)
    torch.testing.assert_close(lowered, plain - 0.5 * plain.std(0))
    with torch.inference_mode():
        torch.testing.assert_close(left(images), lowered.relu())


def test_a_share_needs_a_start() -> None:
    with pytest.raises(ConfigError, match=r"needs model\.weights"):
        Recipe(start_share=0.3)
    Recipe(start_share=0.3, model=ModelRecipe(weights="start.pth"))
