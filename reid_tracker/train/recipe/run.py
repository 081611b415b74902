"""A training recipe: frozen dataclasses with checked values, written as YAML in configs/train/.

A recipe and a data set determine a run: everything random follows from `seed`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reid_tracker.config.checked import Checked, number
from reid_tracker.errors import ConfigError
from reid_tracker.train.recipe.data import AugmentRecipe, DataRecipe, SamplerRecipe, one_of
from reid_tracker.train.recipe.file import read_recipe
from reid_tracker.train.recipe.learning import (
    LossRecipe,
    ModelRecipe,
    OptimiserRecipe,
    ScheduleRecipe,
    TeacherRecipe,
)

PRECISIONS = ("float32", "bfloat16", "float16")


@dataclass(frozen=True)
class Phase(Checked):
    """Epochs at one image size.

    Attributes:
        epochs: number of epochs.
        height: height of the images, pixels.
        width: width of the images, pixels.
    """

    epochs: int = number(1, 1)
    height: int = number(256, 16)
    width: int = number(128, 16)


@dataclass(frozen=True)
class Recipe(Checked):
    """The settings of a training run.

    Attributes:
        data: the training data.
        model: the net.
        sampler: how images form batches.
        augment: the augmentation.
        loss: the losses.
        teacher: for the distillation losses.
        optimiser: the optimiser.
        schedule: the learning rate schedule.
        phases: epochs and image sizes, one after the other.
        ema_decay: decay of the moving average of the weights, which is the result; 0: no average.
        precision: "float32", "bfloat16", or "float16" (CUDA only).
        channels_last: memory layout; on CPUs about twice as fast.
        fused: use fused kernels on a CPU with AMX, two to three times as fast; needs precision
            bfloat16 and --threads 1. Other machines train without them, after a warning.
        seed: seed of all random numbers.
        validate_epochs: number of epochs between two scores of the held-out identities.
        checkpoint_steps: number of steps between two checkpoints, besides the one after each epoch;
            0: none.
        workers: threads that prepare the next batches; results do not depend on it. 0 takes all
            cores when training on a GPU, and one thread on a CPU.
    """

    data: DataRecipe = field(default_factory=DataRecipe)
    model: ModelRecipe = field(default_factory=ModelRecipe)
    sampler: SamplerRecipe = field(default_factory=SamplerRecipe)
    augment: AugmentRecipe = field(default_factory=AugmentRecipe)
    loss: LossRecipe = field(default_factory=LossRecipe)
    teacher: TeacherRecipe = field(default_factory=TeacherRecipe)
    optimiser: OptimiserRecipe = field(default_factory=OptimiserRecipe)
    schedule: ScheduleRecipe = field(default_factory=ScheduleRecipe)
    phases: tuple[Phase, ...] = (Phase(),)
    ema_decay: float = number(0.0, 0.0, 0.99999)
    precision: str = "float32"
    channels_last: bool = False
    fused: bool = False
    seed: int = number(1, 0)
    validate_epochs: int = number(1, 1)
    checkpoint_steps: int = number(0, 0)
    workers: int = number(0, 0, 64)

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("precision", self.precision, PRECISIONS)
        if not self.phases:
            raise ConfigError("phases = []: expected at least one, such as {epochs: 60}")
        if self.loss.distils and not self.teacher.models:
            raise ConfigError(
                "teacher.models is empty, but loss.distil_cosine or loss.distil_relation is not "
                "0; name the teacher's file"
            )
        if self.fused and self.precision != "bfloat16":
            raise ConfigError(
                f"fused = true: the fused kernels compute in bfloat16, but precision = "
                f"{self.precision}; change one of the two"
            )
        if self.loss.is_zero:
            raise ConfigError(
                "loss: all weights are 0, so there is nothing to learn; set loss.cross_entropy, "
                "loss.triplet, or another one"
            )
        if self.schedule.frozen_epochs > 0 and self.loss.cross_entropy == 0:
            raise ConfigError(
                f"schedule.frozen_epochs = {self.schedule.frozen_epochs}: only the classifier "
                "trains in them, but loss.cross_entropy is 0; change one of the two"
            )

    @property
    def epochs(self) -> int:
        """Epochs of all phases."""
        return sum(phase.epochs for phase in self.phases)

    def phase_at(self, epoch: int) -> Phase:
        """Return the phase that an epoch, counted from 0, belongs to."""
        for phase in self.phases:
            if epoch < phase.epochs:
                return phase
            epoch -= phase.epochs
        return self.phases[-1]


def load_recipe(source: str | Path, overrides: Mapping[str, Any] | None = None) -> Recipe:
    """Read a recipe.

    Args:
        source: a YAML file, or the name of one in configs/train/ ("paper_scratch").
        overrides: settings applied on top, by dotted key: {"optimiser.lr": 0.01}.

    Raises:
        ConfigError: the recipe does not exist, a key is unknown, or a value is invalid.
    """
    return read_recipe(source, overrides, Recipe)
