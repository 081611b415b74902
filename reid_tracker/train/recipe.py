"""A training recipe: frozen dataclasses with checked values, written as YAML in configs/train/.

A recipe and a data set determine a run: everything random follows from `seed`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reid_tracker.config.checked import Checked, number, shown
from reid_tracker.errors import ConfigError
from reid_tracker.train.recipe_file import read_recipe

OPTIMISERS = ("sgd", "amsgrad", "adamw")
SCHEDULES = ("constant", "step", "cosine")
SAMPLERS = ("random", "pk")
PRECISIONS = ("float32", "bfloat16", "float16")


def _one_of(key: str, value: str, choices: Iterable[str]) -> None:
    if value not in choices:
        raise ConfigError(f"{key} = {shown(value, str)}: expected one of {', '.join(choices)}")


@dataclass(frozen=True)
class DataRecipe(Checked):
    """What is trained on.

    Attributes:
        name: a key of `reid_tracker.train.DATASETS`.
        root: folder or file of the data set.
        split: for CUHK03, "new" or "classic-0" to "classic-19"; else unused.
        holdout_identities: training identities kept back to choose between recipes; 0 keeps none.
        cache_gib: decoded crops are kept in memory up to this size, above it read when needed.
    """

    name: str = "folder"
    root: str = ""
    split: str = "new"
    holdout_identities: int = number(0, 0)
    cache_gib: float = number(8.0, 0.0)


@dataclass(frozen=True)
class ModelRecipe(Checked):
    """What is trained.

    Attributes:
        name: a key of `reid_tracker.osnet.OSNETS`.
        weights: checkpoint to start from; empty starts from random weights.
        side_by_side: checkpoints of narrower nets to start from instead, together as wide as this
            one, whose embeddings are averaged; see `reid_tracker.osnet.lay_side_by_side`.
        streams: T of the paper's ablation.
        aggregation: how streams are merged.
        same_depth: every stream is as deep as the deepest.
        lite: Lite 3x3 layers; false takes standard convolutions.
    """

    name: str = "osnet_x1_0"
    weights: str = ""
    side_by_side: tuple[str, ...] = ()
    streams: int = number(4, 1)
    aggregation: str = "unified"
    same_depth: bool = False
    lite: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.weights and self.side_by_side:
            raise ConfigError(
                f"weights = {self.weights}: side_by_side names checkpoints to start from, too; "
                "keep one of both"
            )


@dataclass(frozen=True)
class SamplerRecipe(Checked):
    """How images form batches.

    Attributes:
        name: "random", or "pk": identities_per_batch identities with batch_size /
            identities_per_batch images each.
        batch_size: labelled images in a step, over all processes.
        identities_per_batch: P of the PK sampler.
        joined: people in a step who are made up of two labelled ones each, with as many images as
            those, see `reid_tracker.train.joined`; they have no class and no teacher.
    """

    name: str = "random"
    batch_size: int = number(64, 2)
    identities_per_batch: int = number(16, 2)
    joined: int = number(0, 0)

    def __post_init__(self) -> None:
        super().__post_init__()
        _one_of("name", self.name, SAMPLERS)
        if self.joined and self.name != "pk":
            raise ConfigError(f"joined = {self.joined}: needs name = pk")
        if self.name == "pk" and (
            self.batch_size % self.identities_per_batch
            or self.batch_size < 2 * self.identities_per_batch
        ):
            raise ConfigError(
                f"batch_size = {self.batch_size}: expected a multiple of identities_per_batch = "
                f"{self.identities_per_batch}, with at least two images for each identity"
            )


@dataclass(frozen=True)
class AugmentRecipe(Checked):
    """Probabilities and ranges of the augmentations, in the order in which they are applied.

    Attributes:
        background: probability that a labelled person is put before another background.
        background_folders: data sets in YOLO form (images/ and labels/) whose pictures without
            people are these backgrounds.
        flip: probability of a left-right flip.
        crop: probability of enlarging by 1.125 and cutting a window of the old size out.
        low_resolution: probability of shrinking and enlarging again, like a distant person.
        low_resolution_scale: least scale of that.
        patch: probability of pasting a patch of another image.
        brightness: factors are drawn from 1 - brightness to 1 + brightness.
        contrast: likewise.
        saturation: likewise.
        camera: probability that an image gets the colours of another camera, of which the next two
            are the strengths.
        white_balance: red, green and blue are multiplied by exp(u), each u drawn from
            -white_balance to white_balance.
        gamma: values are raised to the power exp(u), u drawn from -gamma to gamma.
        erase: probability of filling a rectangle.
    """

    background: float = number(0.0, 0.0, 1.0)
    background_folders: tuple[str, ...] = ()
    flip: float = number(0.5, 0.0, 1.0)
    crop: float = number(0.0, 0.0, 1.0)
    low_resolution: float = number(0.0, 0.0, 1.0)
    low_resolution_scale: float = number(0.25, 0.0, 1.0, exclusive=True)
    patch: float = number(0.0, 0.0, 1.0)
    brightness: float = number(0.0, 0.0, 1.0)
    contrast: float = number(0.0, 0.0, 1.0)
    saturation: float = number(0.0, 0.0, 1.0)
    camera: float = number(0.0, 0.0, 1.0)
    white_balance: float = number(0.0, 0.0, 2.0)
    gamma: float = number(0.0, 0.0, 2.0)
    erase: float = number(0.0, 0.0, 1.0)


@dataclass(frozen=True)
class LossRecipe(Checked):
    """The weighted sum that is minimised.

    Attributes:
        cross_entropy: weight of the identity classifier's loss.
        label_smoothing: epsilon of that loss.
        triplet: weight of the batch-hard triplet loss.
        margin: of the triplet loss.
        metric: name of a loss of pytorch-metric-learning; empty for none.
        metric_weight: its weight.
        distil_cosine: weight of 1 - cosine to the teacher's embedding.
        distil_relation: weight of the squared error of the batch's similarity matrix.
    """

    cross_entropy: float = number(1.0, 0.0)
    label_smoothing: float = number(0.1, 0.0, 1.0)
    triplet: float = number(0.0, 0.0)
    margin: float = number(0.3, 0.0)
    metric: str = ""
    metric_weight: float = number(1.0, 0.0)
    distil_cosine: float = number(0.0, 0.0)
    distil_relation: float = number(0.0, 0.0)

    @property
    def distils(self) -> bool:
        """Whether a teacher is needed."""
        return self.distil_cosine > 0 or self.distil_relation > 0

    @property
    def is_zero(self) -> bool:
        """Whether there is nothing to minimise."""
        weights = (self.cross_entropy, self.triplet, self.distil_cosine, self.distil_relation)
        return not any(weights) and not (self.metric and self.metric_weight)


@dataclass(frozen=True)
class TeacherRecipe(Checked):
    """The encoder whose embeddings are distilled, and unlabelled crops to learn them on.

    Attributes:
        model: anything that `reid_tracker.build_encoder` takes.
        identity_pull: how far a labelled image's target is moved from its own teacher embedding
            (0) to the mean of its identity's (1).
        batch_size: unlabelled crops in a step, over all processes.
        box_folders: data sets in YOLO form (images/ and labels/) whose people are cut out.
        videos: clips in which `detector` finds people.
        detector: anything that `reid_tracker.build_detector` takes.
        min_height_px: smaller people are left out.
        frame_step: every n-th frame of a clip is taken.
        recombined: crops to synthesise from the labelled ones: upper body of one and lower body of
            another, recoloured.
        new_background: part of those that are cut out and put before another background, out of
            the pictures of `box_folders` without people.
    """

    model: str = ""
    identity_pull: float = number(0.0, 0.0, 1.0)
    batch_size: int = number(0, 0)
    box_folders: tuple[str, ...] = ()
    videos: tuple[str, ...] = ()
    detector: str = ""
    min_height_px: int = number(80, 1)
    frame_step: int = number(5, 1)
    recombined: int = number(0, 0)
    new_background: float = number(0.0, 0.0, 1.0)


@dataclass(frozen=True)
class OptimiserRecipe(Checked):
    """How weights move.

    Attributes:
        name: "sgd", "amsgrad" (Adam with amsgrad, L2 weight decay) or "adamw".
        lr: learning rate before the schedule.
        weight_decay: strength of it.
        decay_norms: whether norm layers and biases decay too, as in the published recipes.
        momentum: of SGD.
        beta1: of Adam.
        beta2: of Adam.
        clip_norm: gradients are scaled down to this length; 0 does not.
    """

    name: str = "amsgrad"
    lr: float = number(0.0015, 0.0, exclusive=True)
    weight_decay: float = number(5e-4, 0.0)
    decay_norms: bool = True
    momentum: float = number(0.9, 0.0, 1.0)
    beta1: float = number(0.9, 0.0, 1.0)
    beta2: float = number(0.999, 0.0, 1.0)
    clip_norm: float = number(0.0, 0.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        _one_of("name", self.name, OPTIMISERS)


@dataclass(frozen=True)
class ScheduleRecipe(Checked):
    """How the learning rate changes.

    Attributes:
        name: "constant", "step" (times gamma at each milestone, by whole epochs) or "cosine" (to
            zero at the last epoch, by whole epochs, or by steps with `by_step`).
        milestones: epochs.
        gamma: factor of "step".
        by_step: move the cosine every step.
        horizon_epochs: epoch at which the cosine would reach zero, for a run that ends earlier; 0
            takes the last epoch of the run.
        warmup_steps: the rate grows linearly over these first steps.
        frozen_epochs: two-step warm-up: in these first epochs only the classifier trains, and the
            base stays in eval mode, so that its batch statistics do not move.
    """

    name: str = "constant"
    milestones: tuple[int, ...] = ()
    gamma: float = number(0.1, 0.0, 1.0)
    by_step: bool = False
    horizon_epochs: int = number(0, 0)
    warmup_steps: int = number(0, 0)
    frozen_epochs: int = number(0, 0)

    def __post_init__(self) -> None:
        super().__post_init__()
        _one_of("name", self.name, SCHEDULES)


@dataclass(frozen=True)
class Phase(Checked):
    """Epochs at one image size.

    Attributes:
        epochs: how many.
        height: of the images, pixels.
        width: likewise.
    """

    epochs: int = number(1, 1)
    height: int = number(256, 16)
    width: int = number(128, 16)


@dataclass(frozen=True)
class Recipe(Checked):
    """The whole of a training run.

    Attributes:
        data: what is trained on.
        model: what is trained.
        sampler: how images form batches.
        augment: how images are varied.
        loss: what is minimised.
        teacher: for the distillation losses.
        optimiser: how weights move.
        schedule: how the learning rate changes.
        phases: epochs and image sizes, one after the other.
        ema_decay: of the moving average of the weights, which is what is kept; 0 takes none.
        earlier: weights of an earlier step, with which those of the finished run are averaged;
            empty takes those that the run began with.
        earlier_share: their part in the result; 0 averages with none.
        precision: "float32", "bfloat16", or "float16" (CUDA only).
        channels_last: memory layout; on CPUs about twice as fast.
        seed: of everything random.
        validate_epochs: the held-out identities are scored every so many epochs.
        checkpoint_steps: a checkpoint every so many steps, besides those at the end of each epoch;
            0 for none.
    """

    data: DataRecipe = DataRecipe()
    model: ModelRecipe = ModelRecipe()
    sampler: SamplerRecipe = SamplerRecipe()
    augment: AugmentRecipe = AugmentRecipe()
    loss: LossRecipe = LossRecipe()
    teacher: TeacherRecipe = TeacherRecipe()
    optimiser: OptimiserRecipe = OptimiserRecipe()
    schedule: ScheduleRecipe = ScheduleRecipe()
    phases: tuple[Phase, ...] = (Phase(),)
    ema_decay: float = number(0.0, 0.0, 0.99999)
    earlier: str = ""
    earlier_share: float = number(0.0, 0.0, 1.0)
    precision: str = "float32"
    channels_last: bool = False
    seed: int = number(1, 0)
    validate_epochs: int = number(1, 1)
    checkpoint_steps: int = number(0, 0)

    def __post_init__(self) -> None:
        super().__post_init__()
        _one_of("precision", self.precision, PRECISIONS)
        if not self.phases:
            raise ConfigError("phases = []: expected at least one, such as {epochs: 60}")
        start = self.model.weights or self.model.side_by_side
        if self.earlier_share and not (self.earlier or start):
            raise ConfigError(
                f"earlier_share = {self.earlier_share}: needs earlier, a checkpoint, or a run that "
                "begins with model.weights or model.side_by_side"
            )
        if self.loss.distils and not self.teacher.model:
            raise ConfigError(
                "teacher.model is empty, but loss.distil_cosine or loss.distil_relation is not 0; "
                "name the teacher's file"
            )
        if self.loss.is_zero:
            raise ConfigError(
                "loss: all weights are 0, so there is nothing to learn; set loss.cross_entropy, "
                "loss.triplet, or another one"
            )
        if self.schedule.frozen_epochs > 0 and self.loss.cross_entropy == 0:
            raise ConfigError(
                f"schedule.frozen_epochs = {self.schedule.frozen_epochs}: only the classifier "
                "trains in them, but loss.cross_entropy is 0, so it has no loss; set either"
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
        ConfigError: there is no such recipe, a key is unknown, or a value does not fit.
    """
    return read_recipe(source, overrides, Recipe)
