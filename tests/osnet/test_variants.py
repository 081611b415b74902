from __future__ import annotations

from pathlib import Path

import pytest
import torch

from reid_tracker.errors import ConfigError
from reid_tracker.osnet import OSNETS, count_parameters, osnet_x0_25, osnet_x1_0
from reid_tracker.osnet.gate import Aggregation
from tests.oracles import osnet_keys

GOLDENS = Path(__file__).parent / "goldens"


def state_dict_text(name: str) -> str:
    with torch.device("meta"):
        net = OSNETS[name](num_classes=1000)
    return osnet_keys.as_text([(k, tuple(v.shape)) for k, v in net.state_dict().items()])


def test_the_oracle_knows_every_variant() -> None:
    assert set(OSNETS) == set(osnet_keys.NAMES)


@pytest.mark.parametrize("name", OSNETS)
def test_state_dict_has_the_published_names_shapes_and_order(name: str) -> None:
    assert state_dict_text(name) == osnet_keys.as_text(osnet_keys.keys(name))


@pytest.mark.golden
@pytest.mark.parametrize("name", osnet_keys.GOLDENS)
def test_state_dict_equals_the_checked_in_list(name: str) -> None:
    golden = (GOLDENS / f"{name}.txt").read_text(encoding="utf-8")
    assert state_dict_text(name) == golden


@pytest.mark.parametrize(
    ("name", "count"), [("osnet_x1_0", 567), ("osnet_ibn_x1_0", 568), ("osnet_ain_x0_5", 552)]
)
def test_number_of_keys(name: str, count: int) -> None:
    assert len(state_dict_text(name).splitlines()) == count


def test_no_classifier_without_classes() -> None:
    net = osnet_x0_25()
    assert net.classifier is None
    assert len(net.state_dict()) == 565


def test_options_reach_the_blocks() -> None:
    block = osnet_x0_25(streams=2, aggregation="add", same_depth=True, lite=False).conv2[0]
    names = [name for name, _ in block.named_parameters() if name.startswith("conv2")]
    expected = [
        f"conv2{stream}.{layer}.{tensor}"
        for stream in "ab"
        for layer in (0, 1)
        for tensor in ("conv.weight", "bn.weight", "bn.bias")
    ]
    assert names == expected


def test_standard_convolutions_cost_three_times_the_parameters() -> None:
    # The paper's ablation table gives 6.9M against 2.2M.
    with torch.device("meta"):
        assert round(count_parameters(osnet_x1_0(lite=False)) / 1e6, 1) == 6.9


@pytest.mark.parametrize("streams", [0, -1, 27])
def test_a_wrong_number_of_streams_is_named(streams: int) -> None:
    with pytest.raises(ConfigError, match=rf"streams is {streams}, expected 1 to 26"):
        osnet_x0_25(streams=streams)


def test_an_unknown_aggregation_is_named_with_the_choices() -> None:
    wrong: Aggregation = "mean"  # type: ignore[assignment]
    with pytest.raises(ConfigError, match="'mean', expected one of unified, stream, separate"):
        osnet_x0_25(aggregation=wrong)


def test_the_same_seed_gives_the_same_net() -> None:
    states = []
    for seed in (7, 7, 8):
        torch.manual_seed(seed)
        states.append(osnet_x0_25(num_classes=3).state_dict())
    first, same, other = states
    assert all(torch.equal(first[key], same[key]) for key in first)
    assert not torch.equal(first["conv1.conv.weight"], other["conv1.conv.weight"])


def test_starting_weights_follow_the_recipe() -> None:
    net = osnet_x1_0(num_classes=1000)
    assert net.classifier is not None
    assert net.classifier.weight.std().item() == pytest.approx(0.01, rel=0.05)
    weights = net.state_dict()
    for key, fan_out in {
        "conv1.conv.weight": 64 * 49,
        "conv2.0.downsample.conv.weight": 256,
        "conv4.1.conv2a.conv2.weight": 128 * 9,  # depthwise counts as if it were dense
    }.items():
        assert weights[key].std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=0.1), key
    for name, parameter in net.named_parameters():
        if name.endswith("bias"):
            assert not parameter.any(), name
        elif name.endswith(".bn.weight") or name == "fc.1.weight":
            assert (parameter == 1).all(), name
