"""The training loop: epochs, steps, held-out scores and checkpoints of one recipe."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from reid_tracker.errors import ConfigError, OutputError, ReidTrackerError
from reid_tracker.train.batches import Batch, Batches, check_parts
from reid_tracker.train.distributed import World
from reid_tracker.train.finish import finish
from reid_tracker.train.history import EpochRecord
from reid_tracker.train.materials import open_materials
from reid_tracker.train.metric_losses import metric_loss
from reid_tracker.train.objective import Objective
from reid_tracker.train.observers import Observer
from reid_tracker.train.recipe import Recipe
from reid_tracker.train.result import write_result
from reid_tracker.train.resume import read_earlier
from reid_tracker.train.schedule import learning_rate_factor, set_training_mode
from reid_tracker.train.state import TrainingState, check_model
from reid_tracker.train.validate import score

CHECKPOINT = "last.pth"
"""The training checkpoint in the output folder; also a weights file."""

METRICS = "metrics.jsonl"

_NOT_FINITE = "resume with --resume; if it comes again, start anew with a lower optimiser.lr"

_DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16}


class Trainer:
    """Trains what a recipe says into an output folder.

    Args:
        recipe: of the run.
        output: folder, made if need be.
        device: where to compute.
        resume: continue from the folder's checkpoint.
        world: the processes of the run.
        observers: told of each step and epoch, in the main process.

    Raises:
        ReidTrackerError: data, teacher, checkpoint or folder cannot be used.
    """

    def __init__(
        self,
        recipe: Recipe,
        output: Path,
        *,
        device: torch.device | str = "cpu",
        resume: bool = False,
        world: World | None = None,
        observers: Sequence[Observer] = (),
    ) -> None:
        self._recipe = recipe
        self._output = output
        self._device = torch.device(device)
        self._world = world or World()
        self._observers = observers if self._world.is_main else ()
        # All that is cheap to find out comes before the teacher looks at thousands of crops.
        _check_precision(recipe.precision, self._device)
        check_parts(recipe, self._world)
        check_model(recipe.model)
        metric = metric_loss(recipe.loss.metric) if recipe.loss.metric else None
        if resume:
            read_earlier(output / CHECKPOINT, recipe)
        _prepare_folder(output, self._world, resume=resume)
        self._materials = open_materials(recipe, output / "teacher", self._world)
        self._batches = Batches(recipe, self._materials, self._world)
        self._state = TrainingState(
            recipe, self._materials.identities, self._device, self._batches.pool
        )
        if resume:
            self._state.load(output / CHECKPOINT)
        self._objective = Objective(recipe.loss, self._world, metric)
        partly = recipe.schedule.frozen_epochs > 0 or recipe.loss.cross_entropy == 0
        self._parallel = self._world.wrap(self._state.net, partly=partly)

    @property
    def state(self) -> TrainingState:
        """Net, optimiser and position of the run."""
        return self._state

    def run(self) -> TrainingState:
        """Train to the end of the recipe; returns the final state.

        Raises:
            ReidTrackerError: a loss is not finite, or a checkpoint cannot be written.
        """
        while self._state.epoch < self._recipe.epochs:
            self._train_epoch()
        if self._world.is_main:
            last = self._recipe.phases[-1]
            net = finish(self._state.kept, self._recipe)
            write_result(net, self._output, (last.height, last.width))
        return self._state

    def _train_epoch(self) -> None:
        state, recipe = self._state, self._recipe
        batches = self._batches.epoch(state.epoch)
        set_training_mode(state.net, frozen=state.epoch < recipe.schedule.frozen_epochs)
        begin, seen = time.perf_counter(), 0
        while state.step < len(batches):
            self._set_learning_rate(len(batches))
            batch = self._batches.make(batches[state.step], state.epoch, state.step)
            loss = self._train_step(batch)
            seen += len(batch.images)
            state.step += 1
            for observer in self._observers:
                observer.on_step(state.epoch + 1, state.step, len(batches), loss)
            if recipe.checkpoint_steps and state.step % recipe.checkpoint_steps == 0:
                self._check_weights()
                self._save()
        speed = seen * self._world.size / max(time.perf_counter() - begin, 1e-9)
        self._finish_epoch(len(batches), speed)

    def _train_step(self, batch: Batch) -> float:
        state, recipe = self._state, self._recipe.optimiser
        terms = self._forward(batch)
        total = torch.stack(list(terms.values())).sum()
        loss = self._add_up({**terms, "total": total})
        state.optimiser.zero_grad()
        state.scaler.scale(total).backward()  # type: ignore[no-untyped-call]
        if recipe.clip_norm:
            state.scaler.unscale_(state.optimiser)
            nn.utils.clip_grad_norm_(state.net.parameters(), recipe.clip_norm)
        state.scaler.step(state.optimiser)
        state.scaler.update()
        if state.average is not None:
            state.average.update(state.net)
        return loss

    def _forward(self, batch: Batch) -> dict[str, torch.Tensor]:
        images = batch.images.to(self._device)
        if self._recipe.channels_last:
            images = images.contiguous(memory_format=torch.channels_last)
        dtype = _DTYPES.get(self._recipe.precision)
        with torch.autocast(self._device.type, dtype=dtype, enabled=dtype is not None):
            logits, embeddings = self._parallel(images)
        targets = None if batch.targets is None else batch.targets.to(self._device)
        return self._objective(logits, embeddings, batch.labels.to(self._device), targets)

    def _add_up(self, terms: dict[str, torch.Tensor]) -> float:
        """Add to the epoch's sums, stop where a loss is not finite, and return the total."""
        values = dict(zip(terms, torch.stack(list(terms.values())).tolist(), strict=True))
        broken = [name for name, value in values.items() if not math.isfinite(value)]
        if broken:
            state = self._state
            raise ReidTrackerError(
                f"loss {broken[0]} is {values[broken[0]]} in epoch {state.epoch + 1}, step "
                f"{state.step + 1}; {_NOT_FINITE}"
            )
        for name, value in values.items():
            self._state.sums[name] = self._state.sums.get(name, 0.0) + value
        return float(values["total"])

    def _check_weights(self) -> None:
        """Stop where a step broke the weights: a checkpoint of them would be of no use."""
        state = self._state
        if not all(bool(value.isfinite().all()) for value in state.kept.state_dict().values()):
            raise ReidTrackerError(
                f"the weights are not finite after epoch {state.epoch + 1}, step {state.step}; "
                f"{_NOT_FINITE}"
            )

    def _set_learning_rate(self, steps: int) -> None:
        state, recipe = self._state, self._recipe
        lr = recipe.optimiser.lr * learning_rate_factor(
            recipe.schedule,
            epoch=state.epoch,
            step=state.step,
            steps_per_epoch=steps,
            epochs=recipe.epochs,
        )
        for group in state.optimiser.param_groups:
            group["lr"] = lr

    def _finish_epoch(self, steps: int, speed: float) -> None:
        state = self._state
        losses = {name: value / steps for name, value in state.sums.items()}
        height = self._recipe.phase_at(state.epoch).height
        # Not from the loop: a run may resume behind the last step of an epoch.
        lr = state.optimiser.param_groups[0]["lr"]
        self._check_weights()
        state.epoch, state.step, state.sums = state.epoch + 1, 0, {}
        rank1, mean_ap = self._score()
        record = EpochRecord(state.epoch, height, lr, losses, speed, rank1, mean_ap)
        state.history.records.append(record)
        self._save()
        if self._world.is_main:
            state.history.write(self._output / METRICS)
        for observer in self._observers:
            observer.on_epoch(record)

    def _score(self) -> tuple[float | None, float | None]:
        """Score the held-out identities at this phase's size, in the main process."""
        state, materials = self._state, self._materials
        due = state.epoch % self._recipe.validate_epochs == 0 or state.epoch == self._recipe.epochs
        if materials.query is None or materials.gallery is None or not due:
            return None, None
        phase = self._recipe.phase_at(state.epoch - 1)
        training = state.kept.training
        scores = score(
            state.kept.eval(), materials.query, materials.gallery, (phase.height, phase.width)
        )
        state.kept.train(training)
        return scores.rank(1), scores.mean_ap

    def _save(self) -> None:
        if self._world.is_main:
            self._state.save(self._output / CHECKPOINT)


def _check_precision(precision: str, device: torch.device) -> None:
    if precision == "float16" and device.type != "cuda":
        raise ConfigError(
            f"precision = float16: needs CUDA, but the device is {device.type}; use bfloat16"
        )


def _prepare_folder(output: Path, world: World, *, resume: bool) -> None:
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot make the output folder {output}: {error.strerror}; choose one with --output"
        ) from None
    if not resume and (output / CHECKPOINT).exists():
        raise OutputError(
            f"{output} holds an earlier run; continue it with --resume, or choose another --output"
        )
    if world.is_main:
        for part in output.glob(f"{CHECKPOINT}.*.part"):  # of a run that was killed while writing
            with contextlib.suppress(OSError):
                part.unlink()
