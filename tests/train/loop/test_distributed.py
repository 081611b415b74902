"""Two processes over gloo against one: the same batch, split in two, gives the same weights."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from reid_tracker.config.checked import to_yaml
from reid_tracker.osnet import load_checkpoint
from reid_tracker.train import CHECKPOINT, Trainer, World, join_world, load_recipe
from reid_tracker.train.loop.state import TrainingState
from reid_tracker.train.losses.terms import (
    batch_hard_triplet,
    distil_relation,
    smoothed_cross_entropy,
)
from tests.conftest import ROOT
from tests.train.samples import tiny_recipe

_TRAIN = """
import sys
from reid_tracker.cli.main import run
sys.exit(run(["train", *sys.argv[1:]]))
"""

_TOY = """
import sys
from tests.train.loop.test_distributed import train_toy
train_toy(sys.argv[1])
"""

_KEEP = """
import sys
from tests.train.loop.test_distributed import train_and_keep
train_and_keep(sys.argv[1], sys.argv[2])
"""


def in_two_processes(program: str, folder: Path, *words: object) -> None:
    file = folder / "program.py"
    file.write_text(program)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*command, str(file), *map(str, words)],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def train_toy(path: str) -> None:
    """Train a net in float64 with every loss, on this process's half of each batch, and save it."""
    world = join_world(torch.device("cpu"))
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(288, 6)
    ).double()
    net.append(nn.BatchNorm1d(6).double())
    parallel = world.wrap(net)
    optimiser = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    for _ in range(6):
        images = torch.randn(8, 3, 8, 8, dtype=torch.float64)
        labels, targets = torch.arange(8) // 2, torch.randn(8, 4, dtype=torch.float64)
        mine = slice(world.rank * 8 // world.size, (world.rank + 1) * 8 // world.size)
        rows = parallel(images[mine])
        everyone = world.gather(rows)
        loss = smoothed_cross_entropy(rows, labels[mine])
        loss = loss + batch_hard_triplet(everyone, world.gather(labels[mine]))
        loss = loss + distil_relation(everyone, world.gather(targets[mine]))
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    if world.is_main:
        torch.save(net.state_dict(), path)


def train_and_keep(recipe: str, folder: str) -> None:
    """Train, and save what this process ends with."""
    torch.set_num_threads(1)
    world = join_world(torch.device("cpu"))
    state = Trainer(load_recipe(recipe), Path(folder, "run"), world=world).run()
    end = {"net": state.net.state_dict(), "average": state.kept.state_dict()}
    torch.save(end, Path(folder, f"rank{world.rank}.pt"))


def test_alone_gathers_its_own_rows() -> None:
    rows = torch.ones(2, 3)
    assert World().gather(rows) is rows
    assert World().is_main


@pytest.mark.slow
def test_gradients_and_batch_statistics_of_two_equal_those_of_one(tmp_path: Path) -> None:
    train_toy(str(tmp_path / "one.pt"))
    in_two_processes(_TOY, tmp_path, tmp_path / "two.pt")
    one, two = (torch.load(tmp_path / f"{name}.pt", weights_only=True) for name in ("one", "two"))
    assert one.keys() == two.keys()
    for key in one:
        # The losses normalise in float32, so not 1e-15.
        assert torch.allclose(one[key].double(), two[key].double(), rtol=1e-4, atol=1e-5), key


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["pk", "random"])
def test_training_in_two_processes_equals_one(
    tiny_data: Path, tmp_path: Path, sampler: str
) -> None:
    # One step: a deep net from random weights answers to rounding errors of 1e-7 with 1e-2 in its
    # gradients, and further steps multiply that. Augmentation differs by process and is off.
    changes: dict[str, Any] = {
        "augment": {"flip": 0, "crop": 0, "patch": 0, "brightness": 0, "erase": 0},
        "sampler": {"name": sampler, "batch_size": 36, "identities_per_batch": 6},
        "optimiser": {"name": "sgd", "lr": 0.01},
        "schedule": {"warmup_steps": 0},
        "phases": [{"epochs": 1, "height": 64, "width": 32}],
        "ema_decay": 0.0,
    }
    recipe = tiny_recipe(tiny_data, **changes)
    Trainer(recipe, tmp_path / "one").run()
    (tmp_path / "recipe.yaml").write_text(to_yaml(recipe))
    words = [tmp_path / "recipe.yaml", "-o", tmp_path / "two", "--threads", 1, "--device", "cpu"]
    in_two_processes(_TRAIN, tmp_path, *words, "--quiet")

    start = TrainingState(recipe, 6, torch.device("cpu")).net.state_dict()
    one, two = (load_checkpoint(tmp_path / name / CHECKPOINT) for name in ("one", "two"))
    assert one.keys() == two.keys()

    def moved(end: dict[str, Tensor], begin: dict[str, Tensor], suffix: str) -> float:
        keys = [key for key in start if key.endswith(suffix)]
        steps = [(end[key] - begin[key]).double().flatten() for key in keys]
        return float(torch.cat(steps).norm())

    for suffix in ("weight", "bias", "running_mean", "running_var"):
        assert moved(one, start, suffix) > 0
        assert moved(two, one, suffix) < 0.02 * moved(one, start, suffix), suffix


def test_others_wait_for_the_teacher(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(
        torch.distributed, "init_process_group", lambda backend, **more: asked.update(more)
    )
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 1)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)
    assert join_world(torch.device("cpu")) == World(1, 2)
    assert asked == {"timeout": timedelta(hours=3)}


@pytest.mark.slow
def test_both_processes_end_with_the_same_weights(tiny_data: Path, tmp_path: Path) -> None:
    """Also after epochs that train the classifier alone, and though each augments by itself."""
    recipe = tiny_recipe(tiny_data, schedule={"frozen_epochs": 1}, ema_decay=0.9)
    assert recipe.epochs == 2
    (tmp_path / "recipe.yaml").write_text(to_yaml(recipe))
    in_two_processes(_KEEP, tmp_path, tmp_path / "recipe.yaml", tmp_path)

    first, second = (torch.load(tmp_path / f"rank{rank}.pt", weights_only=True) for rank in (0, 1))
    for kind in ("net", "average"):
        assert first[kind].keys() == second[kind].keys()
        assert [key for key in first[kind] if not first[kind][key].equal(second[kind][key])] == []
    start = TrainingState(recipe, 6, torch.device("cpu")).net.state_dict()
    for key in ("conv1.conv.weight", "conv1.bn.running_mean", "classifier.weight"):
        assert not first["net"][key].equal(start[key]), key
        assert not first["net"][key].equal(first["average"][key]), key
