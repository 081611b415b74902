"""The files of a finished run: no classifier, and an ONNX form that computes the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from reid_tracker.errors import ConfigError, OutputError, WeightsError
from reid_tracker.osnet import OSNETS, load_checkpoint, osnet_x0_5, osnet_x0_25
from reid_tracker.train import ONNX_RESULT, RESULT
from reid_tracker.train.loop.net import build_net
from reid_tracker.train.loop.result import average_with, finish, write_result
from reid_tracker.train.recipe import ModelRecipe, Phase, Recipe
from tests.osnet.test_fold import with_random_norms

SIZE = (64, 32)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("osnet_x0_25", {}),
        ("osnet_ain_x0_25", {}),
        ("osnet_x0_25", {"aggregation": "fixed", "streams": 2}),
    ],
)
def test_onnx_computes_the_same(name: str, options: dict[str, object], tmp_path: Path) -> None:
    ort = pytest.importorskip("onnxruntime")
    torch.manual_seed(0)
    net = with_random_norms(OSNETS[name](num_classes=3, **options)).train()
    before = {key: value.clone() for key, value in net.state_dict().items()}
    write_result(net, tmp_path, SIZE)
    assert net.training
    assert all(value.equal(before[key]) for key, value in net.state_dict().items())
    images = torch.rand(3, 3, *SIZE)
    with torch.inference_mode():
        expected = net.eval()(images).numpy()
    session = ort.InferenceSession(tmp_path / ONNX_RESULT, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"images": images.numpy()})
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())


def test_weights_come_without_the_classifier(tmp_path: Path) -> None:
    net = OSNETS["osnet_x0_25"](num_classes=700)
    write_result(net, tmp_path, SIZE)
    saved, own = load_checkpoint(tmp_path / RESULT), net.state_dict()
    assert own.keys() - saved.keys() == {"classifier.weight", "classifier.bias"}
    assert all(value.equal(own[key]) for key, value in saved.items())
    assert (tmp_path / RESULT).stat().st_size < 1_100_000


def test_folder_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"cannot write .*model\.pth"):
        write_result(OSNETS["osnet_x0_25"](), tmp_path / "gone", SIZE)


PHASES = (Phase(1, 32, 16),)


def test_average_is_linear_and_leaves_foreign_names_alone() -> None:
    net, other = osnet_x0_25(num_classes=3), osnet_x0_25(num_classes=5).state_dict()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    average_with(net, other, 0.25)
    after = net.state_dict()
    expected = 0.25 * other["conv1.conv.weight"] + 0.75 * before["conv1.conv.weight"]
    torch.testing.assert_close(after["conv1.conv.weight"], expected)
    assert after["classifier.weight"].equal(before["classifier.weight"])


def test_a_run_leaves_the_average_and_the_trained_net_is_unharmed(tmp_path: Path) -> None:
    net, other = osnet_x0_25(num_classes=4).train(), osnet_x0_25()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    path = tmp_path / "earlier.pth"
    torch.save(other.state_dict(), path)
    left = finish(net, Recipe(phases=PHASES, earlier=str(path), earlier_share=0.5))
    assert net.training
    assert not left.training
    assert all(value.equal(before[name]) for name, value in net.state_dict().items())
    name = "fc.0.weight"
    expected = (before[name] + other.state_dict()[name]) / 2
    torch.testing.assert_close(left.state_dict()[name], expected)
    alone = finish(net, Recipe(phases=PHASES))
    assert alone.state_dict()[name].equal(before[name])


def test_an_average_with_what_the_run_began_with(tmp_path: Path) -> None:
    names = []
    for number in range(2):
        names.append(str(tmp_path / f"{number}.pth"))
        torch.save(osnet_x0_25().state_dict(), names[-1])
    model = ModelRecipe(name="osnet_x0_5", side_by_side=tuple(names))
    recipe = Recipe(phases=PHASES, model=model, earlier_share=0.7)
    torch.manual_seed(recipe.seed)
    start = build_net(model, 4).state_dict()
    net = osnet_x0_5(num_classes=4)
    left = finish(net, recipe).state_dict()
    for name in ("conv5.conv.weight", "conv3.0.gate.fc1.weight", "fc.0.weight"):
        expected = 0.7 * start[name] + 0.3 * net.state_dict()[name]
        torch.testing.assert_close(left[name], expected)
    assert left["classifier.weight"].equal(net.state_dict()["classifier.weight"])


def test_the_earlier_step_must_be_named_and_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"earlier_share = 0\.3: needs earlier"):
        Recipe(earlier_share=0.3)
    gone = Recipe(phases=PHASES, earlier=str(tmp_path / "gone.pth"), earlier_share=0.3)
    with pytest.raises(WeightsError, match=r"gone\.pth"):
        finish(osnet_x0_25(), gone)
