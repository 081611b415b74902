"""The training loop: epochs, steps, held-out scores and checkpoints of one recipe."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from reid_tracker.errors import ConfigError, OutputError, ReidTrackerError
from reid_tracker.train.batches.batches import Batch, Batches, check_parts
from reid_tracker.train.batches.materials import open_materials
from reid_tracker.train.fused.build import load_kernels
from reid_tracker.train.fused.modules import fuse
from reid_tracker.train.loop.distributed import World
from reid_tracker.train.loop.history import EpochRecord
from reid_tracker.train.loop.net import check_model
from reid_tracker.train.loop.observers import Observer
from reid_tracker.train.loop.optimiser import learning_rate_factor
from reid_tracker.train.loop.result import write_result
from reid_tracker.train.loop.resume import read_earlier
from reid_tracker.train.loop.state import TrainingState
from reid_tracker.train.loop.validate import score
from reid_tracker.train.losses.metric import metric_loss
from reid_tracker.train.losses.objective import Objective
from reid_tracker.train.recipe import Recipe

CHECKPOINT = "last.pth"
"""The training checkpoint in the output folder; also a weights file."""

METRICS = "metrics.jsonl"

TEACHERS = "teachers"
"""Folder beside the runs' folders: embeddings of teachers, shared between runs."""

_GPU_REPORT_STEPS = 50
"""Steps between two reads of the losses on a GPU, since each read synchronises."""

_NOT_FINITE = "continue with --resume; if it happens again, restart with a lower optimiser.lr"

_DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16}


class Trainer:
    """Trains a net by a recipe and writes the results into a folder.

    Args:
        recipe: of the run.
        output: the folder for results; made if it does not exist.
        device: where to compute.
        resume: continue from the folder's checkpoint.
        world: the processes of the run.
        observers: called after each step and each epoch, in the main process.

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
        self._report_steps = 1 if self._device.type == "cpu" else _GPU_REPORT_STEPS
        # Cheap checks come before the teachers embed thousands of crops.
        _check_precision(recipe.precision, self._device)
        check_parts(recipe, self._world)
        check_model(recipe.model)
        metric = metric_loss(recipe.loss.metric) if recipe.loss.metric else None
        if resume:
            read_earlier(output / CHECKPOINT, recipe)
        _prepare_folder(output, self._world, resume=resume)
        self._materials = open_materials(recipe, output.parent / TEACHERS, self._world)
        self._batches = Batches(recipe, self._materials, self._world)
        lessons = self._materials.lessons
        widths = () if lessons is None else lessons.widths
        self._state = TrainingState(
            recipe, self._materials.identities, self._device, self._batches.pool, widths
        )
        if resume:
            self._state.load(output / CHECKPOINT)
        if recipe.fused and self._device.type == "cpu" and load_kernels() is not None:
            fuse(self._state.student)
        self._objective = Objective(recipe.loss, self._world, metric, widths)
        partly = recipe.schedule.frozen_epochs > 0
        self._parallel = self._world.wrap(self._state.student, partly=partly)

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
            write_result(self._state.kept, self._output, (last.height, last.width))
        return self._state

    def _train_epoch(self) -> None:
        state, recipe = self._state, self._recipe
        steps = len(self._batches.epoch(state.epoch))
        state.student.train().requires_grad_(True)
        if state.epoch < recipe.schedule.frozen_epochs:
            state.student.train_only_classifiers()
        begin, seen = time.perf_counter(), 0
        on_gpu = self._device.type == "cuda"
        batches = self._batches.remaining(state.epoch, state.step, pinned=on_gpu)
        with contextlib.closing(batches):
            for batch in batches:
                self._set_learning_rate(steps)
                total = self._train_step(batch.on(self._device))
                seen += len(batch.images)
                state.step += 1
                if state.step % self._report_steps == 0 or state.step == steps:
                    self._report(steps, total)
                if recipe.checkpoint_steps and state.step % recipe.checkpoint_steps == 0:
                    self._check_weights()
                    self._save()
        speed = seen * self._world.size / max(time.perf_counter() - begin, 1e-9)
        self._finish_epoch(steps, speed)

    def _train_step(self, batch: Batch) -> torch.Tensor:
        state, recipe = self._state, self._recipe.optimiser
        terms = self._forward(batch)
        total = torch.stack(list(terms.values())).sum()
        state.sums.add({**terms, "total": total})
        state.optimiser.zero_grad()
        state.scaler.scale(total).backward()  # type: ignore[no-untyped-call]
        if recipe.clip_norm:
            state.scaler.unscale_(state.optimiser)
            nn.utils.clip_grad_norm_(state.student.parameters(), recipe.clip_norm)
        state.scaler.step(state.optimiser)
        state.scaler.update()
        if state.average is not None:
            state.average.update()
        return total.detach()

    def _forward(self, batch: Batch) -> dict[str, torch.Tensor]:
        images = batch.images
        if self._recipe.channels_last:
            images = images.contiguous(memory_format=torch.channels_last)
        dtype = _DTYPES.get(self._recipe.precision)
        with torch.autocast(self._device.type, dtype=dtype, enabled=dtype is not None):
            outputs = self._parallel(images)
        return self._objective(outputs, batch.labels, batch.targets)

    def _report(self, steps: int, total: torch.Tensor) -> None:
        """Raise an error for a non-finite loss, and notify the observers."""
        state = self._state
        state.sums.check(f"in epoch {state.epoch + 1}, step {state.step}", _NOT_FINITE)
        loss = total.item()
        for observer in self._observers:
            observer.on_step(state.epoch + 1, state.step, steps, loss)

    def _check_weights(self) -> None:
        """Raise an error for non-finite weights, which must not be saved."""
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
        losses = {name: value / steps for name, value in state.sums.values().items()}
        height = self._recipe.phase_at(state.epoch).height
        # Not inside the loop: a run may resume after the last step of an epoch.
        lr = state.optimiser.param_groups[0]["lr"]
        self._check_weights()
        state.epoch, state.step = state.epoch + 1, 0
        state.sums.reset()
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
        for part in output.glob(
            f"{CHECKPOINT}.*.part"
        ):  # left by a run that was killed while writing
            with contextlib.suppress(OSError):
                part.unlink()
