"""Runs of a few seconds on a tiny set: results, resuming, and what goes wrong."""

from __future__ import annotations

import errno
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from reid_tracker.encode import build_encoder
from reid_tracker.errors import ConfigError, InputError, OutputError, ReidTrackerError, WeightsError
from reid_tracker.osnet import load_checkpoint, osnet_x0_25
from reid_tracker.train import (
    CHECKPOINT,
    METRICS,
    ONNX_RESULT,
    RESULT,
    EpochRecord,
    Trainer,
    World,
)
from reid_tracker.train.loop import engine, state
from tests.train.samples import TAUGHT, person, tiny_recipe, write_cuhk03_crops, write_image

Weights = dict[str, Tensor]


class KilledError(Exception):
    """Stands for a kill signal."""


class Killer:
    """An observer that kills the run after some steps."""

    def __init__(self, steps: int) -> None:
        self.left = steps
        self.records: list[EpochRecord] = []

    def on_step(self, epoch: int, step: int, steps: int, loss: float) -> None:
        self.left -= 1
        if not self.left:
            raise KilledError

    def on_epoch(self, record: EpochRecord) -> None:
        self.records.append(record)


def weights(folder: Path) -> Weights:
    return load_checkpoint(folder / RESULT)


def same(first: Weights, second: Weights) -> bool:
    return first.keys() == second.keys() and all(first[key].equal(second[key]) for key in first)


@pytest.mark.slow
def test_run_learns_and_leaves_its_files(tiny_data: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(tiny_data, phases=[{"epochs": 4, "height": 32, "width": 16}])
    watcher = Killer(-1)
    Trainer(recipe, tmp_path / "run", observers=[watcher]).run()
    records = [json.loads(line) for line in (tmp_path / "run" / METRICS).read_text().splitlines()]
    assert [record["epoch"] for record in records] == list(range(1, 5))
    assert [record.epoch for record in watcher.records] == list(range(1, 5))
    assert records[-1]["losses"]["total"] < records[0]["losses"]["total"]
    assert 0 <= records[-1]["rank1"] <= 1
    assert set(records[0]["losses"]) == {"cross_entropy", "triplet", "total"}
    files = {path.name for path in (tmp_path / "run").iterdir()}
    assert files == {CHECKPOINT, METRICS, RESULT, ONNX_RESULT}
    for name in (CHECKPOINT, RESULT, ONNX_RESULT):
        encoder = build_encoder(tmp_path / "run" / name, device="cpu")
        box = np.array([[0, 0, 16, 32]], np.float32)
        assert encoder.encode(person(0, 0), box).shape == (1, 512)


@pytest.mark.slow
def test_same_seed_same_weights_other_seed_others(tiny_data: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(tiny_data)
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        Trainer(replace(recipe, seed=seed), tmp_path / name).run()
    assert same(weights(tmp_path / "a"), weights(tmp_path / "b"))
    assert not same(weights(tmp_path / "a"), weights(tmp_path / "c"))


@pytest.mark.slow
@pytest.mark.parametrize("steps", [1, 4, 8])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {
            "precision": "bfloat16",
            "channels_last": True,
            "optimiser": {"name": "adamw", "decay_norms": False, "clip_norm": 1.0},
            "schedule": {"frozen_epochs": 1, "by_step": True},
            "phases": [{"height": 16, "width": 16}, {"height": 32, "width": 16}],
            "ema_decay": 0.0,
        },
        TAUGHT,
    ],
    ids=["plain", "mixed", "taught"],
)
def test_interrupted_run_ends_with_the_same_bits(
    tiny_data: Path, tmp_path: Path, steps: int, changes: dict[str, Any]
) -> None:
    write_cuhk03_crops(tiny_data, "more", first=20)
    recipe = tiny_recipe(tiny_data, **changes)
    Trainer(recipe, tmp_path / "whole").run()
    with pytest.raises(KilledError):
        Trainer(recipe, tmp_path / "cut", observers=[Killer(steps)]).run()
    if steps == 1:  # killed before the first checkpoint: nothing to resume
        assert not (tmp_path / "cut" / CHECKPOINT).exists()
        Trainer(recipe, tmp_path / "cut").run()
    else:
        Trainer(recipe, tmp_path / "cut", resume=True).run()
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "cut"))
    losses = [
        [
            json.loads(line)["losses"]
            for line in (tmp_path / name / METRICS).read_text().splitlines()
        ]
        for name in ("whole", "cut")
    ]
    assert losses[0] == losses[1]


@pytest.mark.slow
def test_run_killed_between_last_step_and_end_of_epoch(tiny_data: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(tiny_data, checkpoint_steps=1)
    Trainer(recipe, tmp_path / "whole").run()
    trainer = Trainer(recipe, tmp_path / "cut")
    steps = len(trainer._batches.epoch(0))
    original = trainer._save

    def save_and_die() -> None:
        original()
        if trainer.state.step == steps:
            raise KilledError

    trainer._save = save_and_die  # type: ignore[method-assign]
    with pytest.raises(KilledError):
        trainer.run()
    Trainer(recipe, tmp_path / "cut", resume=True).run()
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "cut"))


@pytest.mark.slow
def test_finished_run_resumes_to_nothing(tiny_data: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(tiny_data)
    Trainer(recipe, tmp_path / "run").run()
    before = weights(tmp_path / "run")
    Trainer(recipe, tmp_path / "run", resume=True).run()
    assert same(before, weights(tmp_path / "run"))


@pytest.mark.slow
def test_earlier_run_is_not_overwritten(tiny_data: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(tiny_data)
    Trainer(recipe, tmp_path / "run").run()
    with pytest.raises(OutputError, match="holds an earlier run; continue it with --resume"):
        Trainer(recipe, tmp_path / "run")
    with pytest.raises(WeightsError, match="no such checkpoint; start without --resume"):
        Trainer(recipe, tmp_path / "other", resume=True)


@pytest.mark.slow
def test_nan_loss_names_the_step(
    tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = tiny_recipe(tiny_data)
    trainer = Trainer(recipe, tmp_path / "run")
    original, calls = trainer._forward, []

    def poisoned(batch: Any) -> dict[str, Tensor]:
        calls.append(1)
        terms = original(batch)
        if len(calls) == 6:
            terms["triplet"] = terms["triplet"] * torch.nan
        return terms

    monkeypatch.setattr(trainer, "_forward", poisoned)
    steps = len(trainer._batches.epoch(0))
    where = f"epoch {5 // steps + 1}, step {5 % steps + 1}"
    with pytest.raises(
        ReidTrackerError, match=f"loss triplet is nan in {where}; continue"
    ) as caught:
        trainer.run()
    assert "\n" not in str(caught.value)
    # The checkpoint before the bad step is whole, and its weights are finite.
    saved = load_checkpoint(tmp_path / "run" / CHECKPOINT)
    assert all(torch.isfinite(value).all() for value in saved.values())


def test_too_high_learning_rate_stops_by_itself(tiny_data: Path, tmp_path: Path) -> None:
    changes = {"name": "sgd", "lr": 1e30}
    with pytest.raises(ReidTrackerError, match=r"loss \w+ is (nan|inf) in epoch 1, step"):
        Trainer(
            tiny_recipe(tiny_data, optimiser=changes, schedule={"warmup_steps": 0}), tmp_path
        ).run()


@pytest.mark.slow
def test_full_disk_while_saving(
    tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = tiny_recipe(tiny_data)
    with pytest.raises(KilledError):
        Trainer(recipe, tmp_path / "run", observers=[Killer(7)]).run()
    before = (tmp_path / "run" / CHECKPOINT).read_bytes()

    def no_space(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    trainer = Trainer(recipe, tmp_path / "run", resume=True)
    monkeypatch.setattr("os.fsync", no_space)
    with pytest.raises(OutputError, match="No space left on device; the previous one is unharmed"):
        trainer.run()
    monkeypatch.undo()
    assert (tmp_path / "run" / CHECKPOINT).read_bytes() == before
    Trainer(recipe, tmp_path / "run", resume=True).run()


def test_output_folder_that_cannot_be_made(tiny_data: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot make the output folder"):
        Trainer(tiny_recipe(tiny_data), tmp_path / "file" / "run")


@pytest.mark.slow
def test_identity_with_one_image(tiny_data: Path, tmp_path: Path) -> None:
    write_image(tiny_data / "train" / "0077_00.png", person(77, 0))
    with pytest.raises(InputError, match=r"0077_00\.png: its identity has one image"):
        Trainer(tiny_recipe(tiny_data), tmp_path / "run")
    changes: dict[str, Any] = {"sampler": {"name": "random"}, "loss": {"triplet": 0.0}}
    Trainer(tiny_recipe(tiny_data, **changes), tmp_path / "run").run()


def test_recipe_errors(tiny_data: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"model\.name = osnet_x2: expected one of osnet_x1_0"):
        Trainer(tiny_recipe(tiny_data, model={"name": "osnet_x2"}), tmp_path / "run")
    with pytest.raises(ConfigError, match="precision = float16: needs CUDA"):
        Trainer(tiny_recipe(tiny_data, precision="float16"), tmp_path / "run")


def test_starting_from_weights_keeps_the_new_classifier(tiny_data: Path, tmp_path: Path) -> None:
    torch.manual_seed(7)
    source = osnet_x0_25(751)
    torch.save({"state_dict": source.state_dict()}, tmp_path / "imagenet.pth")
    recipe = tiny_recipe(tiny_data, model={"weights": str(tmp_path / "imagenet.pth")})
    net = state.TrainingState(recipe, 6, torch.device("cpu")).net
    assert net.state_dict()["conv5.conv.weight"].equal(source.state_dict()["conv5.conv.weight"])
    assert net.classifier is not None
    assert net.classifier.out_features == 6


@pytest.mark.slow
def test_frozen_epochs_move_only_the_classifier(tiny_data: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(
        tiny_data,
        phases=[{"height": 32, "width": 16}],
        schedule={"frozen_epochs": 1},
        ema_decay=0.0,
    )
    trainer = Trainer(recipe, tmp_path / "run")
    before = {key: value.clone() for key, value in trainer.state.net.state_dict().items()}
    after = trainer.run().net.state_dict()
    changed = {key for key, value in after.items() if not value.equal(before[key])}
    assert changed == {"classifier.weight", "classifier.bias"}


@pytest.mark.slow
def test_metric_loss_by_name(tiny_data: Path, tmp_path: Path) -> None:
    pytest.importorskip("pytorch_metric_learning")
    recipe = tiny_recipe(tiny_data, loss={"metric": "CircleLoss", "metric_weight": 0.01})
    found = Trainer(recipe, tmp_path / "run").run()
    assert found.history.records[-1].losses["metric"] > 0


@pytest.mark.slow
def test_weights_that_the_last_step_of_an_epoch_broke(
    tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = tiny_recipe(tiny_data, checkpoint_steps=0)
    trainer = Trainer(recipe, tmp_path / "run")
    steps, original = len(trainer._batches.epoch(0)), trainer._train_step

    def breaking(batch: Any) -> Tensor:
        loss = original(batch)
        if trainer.state.epoch == 1 and trainer.state.step == steps - 1:
            next(trainer.state.kept.parameters()).data.mul_(torch.nan)
        return loss

    monkeypatch.setattr(trainer, "_train_step", breaking)
    message = f"the weights are not finite after epoch 2, step {steps}; continue with --resume; if "
    with pytest.raises(ReidTrackerError, match=message):
        trainer.run()
    saved = load_checkpoint(tmp_path / "run" / CHECKPOINT)
    assert all(value.isfinite().all() for value in saved.values())


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"loss": {"metric": "CircelLoss"}}, ConfigError),
        ({"model": {"name": "osnet_x2"}}, ConfigError),
        ({"model": {"aggregation": "sum"}}, ConfigError),
        ({"model": {"weights": "absent.pth"}}, WeightsError),
        ({"resume": True}, WeightsError),
        ({"world": World(0, 3)}, ConfigError),
    ],
)
def test_cheap_checks_come_before_the_teacher(
    tiny_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, Any],
    error: type[ReidTrackerError],
) -> None:
    pytest.importorskip("pytorch_metric_learning")

    def refuse(*arguments: object) -> None:
        raise AssertionError("data was opened")

    monkeypatch.setattr(engine, "open_materials", refuse)
    options = {key: changes[key] for key in ("resume", "world") if key in changes}
    sections = {key: value for key, value in changes.items() if key not in options}
    with pytest.raises(error):
        Trainer(tiny_recipe(tiny_data, **sections), tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


def test_parts_of_a_killed_run_are_removed(tiny_data: Path, tmp_path: Path) -> None:
    for name in (f"{CHECKPOINT}.12.part", f"{RESULT}.12.part"):
        (tmp_path / name).touch()
    Trainer(tiny_recipe(tiny_data), tmp_path)
    assert not (tmp_path / f"{CHECKPOINT}.12.part").exists()
    assert (tmp_path / f"{RESULT}.12.part").exists()
