"""`model.weights` and `model.side_by_side`: files, or names of the manifest."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from reid_tracker import zoo
from reid_tracker.errors import ConfigError, WeightsError
from reid_tracker.osnet import osnet_x0_25
from reid_tracker.train.loop.net import build_net, check_model
from reid_tracker.train.recipe import ModelRecipe

NAME = "osnet_x1_0_msmt17"


def test_name_of_the_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = osnet_x0_25(3)
    torch.save({"state_dict": source.state_dict()}, tmp_path / "known.pth")
    known = SimpleNamespace(known=lambda name, task: name if name == "known" else None)
    monkeypatch.setattr(zoo, "load_manifest", lambda: known)
    monkeypatch.setattr(zoo, "locate", lambda entry, manifest: tmp_path / f"{entry}.pth")
    net = build_net(ModelRecipe(name="osnet_x0_25", weights="known"), 3)
    assert net.state_dict()["conv5.conv.weight"].equal(source.state_dict()["conv5.conv.weight"])


def test_known_but_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REID_TRACKER_HOME", str(tmp_path))
    with pytest.raises(WeightsError, match=f"get it with `reid-track weights pull {NAME}`"):
        check_model(ModelRecipe(weights=NAME))


def test_neither_file_nor_name() -> None:
    with pytest.raises(WeightsError, match=r"model\.weights = absent\.pth: neither a file nor"):
        check_model(ModelRecipe(weights="absent.pth"))


@pytest.mark.slow
def test_nets_side_by_side(tmp_path: Path) -> None:
    names = []
    for number in range(2):
        names.append(str(tmp_path / f"{number}.pth"))
        torch.save(osnet_x0_25(3).state_dict(), names[-1])
    net = build_net(ModelRecipe(name="osnet_x0_5", side_by_side=tuple(names)), 3)
    second = torch.load(names[1], weights_only=True)["conv5.conv.weight"]
    assert net.state_dict()["conv5.conv.weight"][128:, 128:].equal(second)
    with pytest.raises(WeightsError, match=rf"{names[0]} do not fit side by side: conv1"):
        build_net(ModelRecipe(name="osnet_x0_5", side_by_side=(names[0],)), 3)
    with pytest.raises(WeightsError, match=r"model\.side_by_side = gone\.pth: neither a file nor"):
        check_model(ModelRecipe(side_by_side=("gone.pth", names[0])))
    with pytest.raises(ConfigError, match=r"weights = a: side_by_side also names checkpoints"):
        ModelRecipe(weights="a", side_by_side=("b", "c"))


def test_options_are_checked_before_the_net_is_built() -> None:
    assert check_model(ModelRecipe()) == []
    with pytest.raises(ConfigError, match=r"model\.aggregation is 'sum', expected one of"):
        check_model(ModelRecipe(aggregation="sum"))
    with pytest.raises(ConfigError, match=r"model\.streams is 27"):
        check_model(ModelRecipe(streams=27))
