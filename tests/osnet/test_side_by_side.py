"""Narrow nets in one wide net: the same embeddings, to be trained on."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest
import torch
from torch import Tensor

from reid_tracker.errors import WeightsError
from reid_tracker.osnet import (
    EmbeddingNet,
    StateDict,
    lay_side_by_side,
    osnet_ain_x0_5,
    osnet_ain_x0_25,
    osnet_x0_5,
    osnet_x0_25,
    osnet_x1_0,
)


def trained(net: EmbeddingNet, seed: int) -> EmbeddingNet:
    """Give a net statistics, gains and shifts that are not those of a fresh one."""
    generator = torch.Generator().manual_seed(seed)
    state = net.state_dict()
    for name, tensor in state.items():
        if name.endswith(("running_var", "bn.weight", "IN.weight", "fc.1.weight")):
            state[name] = 0.5 + torch.rand(tensor.shape, generator=generator)
        elif tensor.is_floating_point() and tensor.dim() == 1:
            state[name] = 0.3 * torch.randn(tensor.shape, generator=generator)
    state["fc.1.weight"][:9] *= 1e-4  # outputs that training switched off
    net.load_state_dict(state)
    return net.eval()


def before_relu(net: EmbeddingNet, images: Tensor) -> Tensor:
    linear, norm, _ = net.fc
    pooled = net.global_avgpool(net.feature_map(images)).flatten(1)
    return cast(Tensor, norm(linear(pooled)))


@pytest.mark.parametrize(
    ("narrow", "wide", "count"),
    [
        (osnet_x0_25, osnet_x0_5, 2),
        (osnet_x0_25, osnet_x1_0, 4),
        (osnet_x0_5, osnet_x1_0, 2),
        (osnet_ain_x0_25, osnet_ain_x0_5, 2),
    ],
)
@pytest.mark.slow
def test_the_wide_net_embeds_as_the_mean(
    narrow: Callable[[], EmbeddingNet], wide: Callable[[], EmbeddingNet], count: int
) -> None:
    torch.manual_seed(0)
    parts = [trained(narrow(), seed) for seed in range(count)]
    net = wide().eval()
    lay_side_by_side(net, [part.state_dict() for part in parts], source="parts")
    images = torch.randn(3, 3, 64, 32)
    with torch.no_grad():
        expected = torch.stack([before_relu(part, images) for part in parts]).mean(0)
        torch.testing.assert_close(before_relu(net, images), expected, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(net(images), expected.relu(), rtol=1e-4, atol=1e-4)


def test_weights_between_the_parts_learn() -> None:
    torch.manual_seed(0)
    net = osnet_x0_5(3, return_embeddings=True)
    parts = [trained(osnet_x0_25(3), seed).state_dict() for seed in (1, 2)]
    lay_side_by_side(net, parts, source="parts")
    logits, embeddings = net.train()(torch.randn(4, 3, 64, 32))
    (logits.square().sum() + embeddings.sum()).backward()
    weight = net.get_parameter(
        "conv2.0.conv3.conv.weight"
    ).grad  # 128 x 32, the parts on its diagonal
    assert weight is not None
    assert weight[64:, :16].abs().sum() > 0
    assert weight[:64, 16:].abs().sum() > 0


@pytest.mark.slow
def test_classifiers_are_averaged_where_they_fit() -> None:
    first, second = osnet_x0_25(5).state_dict(), osnet_x0_25(5).state_dict()
    net = osnet_x0_5(5)
    lay_side_by_side(net, [first, second], source="parts")
    mean = (first["classifier.weight"] + second["classifier.weight"]) / 2
    assert net.classifier is not None
    torch.testing.assert_close(net.classifier.weight.data, mean)
    other = osnet_x0_5(7)
    kept = other.state_dict()["classifier.weight"].clone()
    lay_side_by_side(other, [first, second], source="parts")
    assert other.state_dict()["classifier.weight"].equal(kept)


def without(state: StateDict, name: str) -> StateDict:
    return {key: value for key, value in state.items() if key != name}


@pytest.mark.slow
def test_parts_that_do_not_fit() -> None:
    narrow = osnet_x0_25().state_dict()
    before = osnet_x0_5().state_dict()
    for parts in (
        [narrow],
        [narrow] * 3,
        [osnet_x0_5().state_dict()] * 2,
        [osnet_ain_x0_25().state_dict()] * 2,
        [narrow, without(narrow, "conv5.conv.weight")],
        [narrow, without(narrow, "fc.0.weight")],
        [narrow, narrow | {"fc.1.weight": torch.ones(3)}],
    ):
        net = osnet_x0_5()
        net.load_state_dict(before)
        with pytest.raises(WeightsError, match="a and b do not fit side by side"):
            lay_side_by_side(net, parts, source="a and b")
        assert all(value.equal(before[name]) for name, value in net.state_dict().items())
