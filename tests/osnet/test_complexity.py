from __future__ import annotations

from collections import Counter

import pytest
import torch

from reid_tracker.osnet import OSNETS, count_macs, count_parameters, osnet_x0_25, osnet_x1_0
from reid_tracker.osnet.complexity import trace_layers

PARAMETERS = {
    "osnet_x1_0": 2_169_508,
    "osnet_x0_75": 1_285_754,
    "osnet_x0_5": 630_034,
    "osnet_x0_25": 201_864,
    "osnet_ibn_x1_0": 2_170_532,
    "osnet_ain_x1_0": 2_169_508,
    "osnet_ain_x0_75": 1_285_754,
    "osnet_ain_x0_5": 630_034,
    "osnet_ain_x0_25": 201_864,
}

# The paper's width (beta) by resolution (gamma) table, in millions.
SIZES = [(256, 128), (192, 96), (128, 64), (64, 32)]
MACS = {
    "osnet_x1_0": [978.9, 550.7, 244.9, 61.5],
    "osnet_x0_75": [571.8, 321.7, 143.1, 35.9],
    "osnet_x0_5": [272.9, 153.6, 68.3, 17.2],
    "osnet_x0_25": [82.3, 46.3, 20.6, 5.2],
}

# Stage by stage at full width and 256x128, in millions.
STAGE_MACS = {
    "conv1": 77.07,
    "conv2.0": 171.18,
    "conv2.1": 162.79,
    "conv2.2": 134.22,
    "conv3.0": 133.40,
    "conv3.1": 89.36,
    "conv3.2": 75.50,
    "conv4.0": 62.30,
    "conv4.1": 39.23,
    "conv5": 33.55,
    "fc": 0.26,
}
STAGE_PARAMETERS = {
    "conv1": 9_536,
    "conv2.0": 86_596,
    "conv2.1": 81_988,
    "conv2.2": 66_048,
    "conv3.0": 265_446,
    "conv3.1": 178_662,
    "conv3.2": 148_224,
    "conv4.0": 493_704,
    "conv4.1": 312_456,
    "conv5": 263_168,
    "fc": 263_680,
}


def stage(name: str) -> str:
    parts = name.split(".")
    return ".".join(parts[:2]) if parts[0] in ("conv2", "conv3", "conv4") else parts[0]


@pytest.mark.parametrize("name", OSNETS)
def test_parameters_of_every_variant(name: str) -> None:
    with torch.device("meta"):
        assert count_parameters(OSNETS[name](num_classes=751)) == PARAMETERS[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", MACS)
def test_macs_of_every_width_and_resolution(name: str) -> None:
    with torch.device("meta"):
        net = OSNETS[name](num_classes=751)
    assert [round(count_macs(net, *size) / 1e6, 1) for size in SIZES] == MACS[name]


def test_cost_of_every_stage() -> None:
    net = osnet_x1_0()
    macs: Counter[str] = Counter()
    for call in trace_layers(net):
        if call.macs:
            macs[stage(call.name)] += call.macs
    assert {name: round(count / 1e6, 2) for name, count in macs.items()} == STAGE_MACS
    parameters: Counter[str] = Counter()
    for name, parameter in net.named_parameters():
        parameters[stage(name)] += parameter.numel()
    assert parameters == STAGE_PARAMETERS


def test_the_imagenet_net_of_the_paper() -> None:
    with torch.device("meta"):
        net = osnet_x1_0(num_classes=1000)
    assert sum(parameter.numel() for parameter in net.parameters()) == 2_682_508
    assert round(count_macs(net, 224, 224) / 1e6) == 1499


def test_a_gate_counts_once_for_each_stream() -> None:
    calls = Counter(call.name for call in trace_layers(osnet_x0_25(), 64, 32))
    assert calls["conv2.0.gate.fc1"] == calls["conv4.1.gate.fc2"] == 4
    assert calls["conv2.0.conv2d.3.conv2"] == 1


def test_counting_leaves_the_net_alone() -> None:
    net = osnet_x0_25(num_classes=2).train()
    net.conv1.eval()  # as in warm-up, where part of the net is frozen
    before = {key: value.clone() for key, value in net.state_dict().items()}
    count_macs(net, 64, 32)
    assert net.training
    assert not net.conv1.training
    assert all(torch.equal(before[key], value) for key, value in net.state_dict().items())
    assert not any(module._forward_hooks for module in net.modules())
