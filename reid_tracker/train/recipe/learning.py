"""Settings of learning: the net, losses and teachers, optimiser and learning rate."""

from __future__ import annotations

from dataclasses import dataclass

from reid_tracker.config.checked import Checked, number
from reid_tracker.errors import ConfigError
from reid_tracker.train.recipe.data import one_of

OPTIMISERS = ("sgd", "amsgrad", "adamw")
SCHEDULES = ("constant", "step", "cosine")


@dataclass(frozen=True)
class ModelRecipe(Checked):
    """The net to train.

    Attributes:
        name: a key of `reid_tracker.osnet.OSNETS`.
        weights: checkpoint to start from; empty starts from random weights.
        side_by_side: checkpoints of narrower nets to start from instead; their widths must add up
            to this net's, and their embeddings are averaged; see
            `reid_tracker.osnet.lay_side_by_side`.
        streams: T of the paper's ablation.
        aggregation: how streams are merged.
        same_depth: every stream is as deep as the deepest.
        lite: use Lite 3x3 layers; false uses standard convolutions.
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
                f"weights = {self.weights}: side_by_side also names checkpoints to start from; "
                "keep one of the two"
            )


@dataclass(frozen=True)
class LossRecipe(Checked):
    """The weights of the losses, whose sum is minimised.

    Attributes:
        cross_entropy: weight of the identity classifier's loss.
        am_softmax: weight of additive-margin softmax, a classifier after a batch norm that sees
            only directions and is dropped after training.
        am_scale: factor of the cosines of additive-margin softmax.
        am_margin: subtracted from the cosine of the true identity.
        label_smoothing: epsilon of both classification losses.
        triplet: weight of the batch-hard triplet loss.
        margin: margin of the triplet loss.
        metric: name of a loss of pytorch-metric-learning; empty for none.
        metric_weight: weight of the metric loss.
        distil_cosine: weight of 1 - cosine to a teacher's embedding, after a linear layer for this
            teacher that is dropped after training.
        distil_relation: weight of the squared error of the batch's similarity matrix.

    With several teachers, both distillation losses are averaged over them.
    """

    cross_entropy: float = number(1.0, 0.0)
    am_softmax: float = number(0.0, 0.0)
    am_scale: float = number(20.0, 0.0, exclusive=True)
    am_margin: float = number(0.1, 0.0, 1.0)
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
        classify = self.cross_entropy or self.am_softmax or self.triplet
        metric = self.metric and self.metric_weight
        return not (classify or metric or self.distils)


@dataclass(frozen=True)
class TeacherRecipe(Checked):
    """The encoders to distil, and unlabelled crops for the distillation.

    Attributes:
        models: encoders, in any form that `reid_tracker.build_encoder` accepts.
        identity_pull: how far a labelled image's target is moved from its own teacher embedding
            (0) to the mean of its identity's (1).
        batch_size: unlabelled crops in a step, over all processes.
        box_folders: data sets in YOLO form (images/ and labels/) whose people are cut out.
        videos: clips in which `detector` finds people.
        detector: any detector that `reid_tracker.build_detector` accepts.
        min_height_px: smaller people are left out.
        frame_step: every n-th frame of a clip is taken.
        recombined: crops to synthesise from each data set: upper body of one person and lower body
            of another, recoloured.
        new_background: share of recombined crops that get a new background, from the pictures of
            `box_folders` without people.
    """

    models: tuple[str, ...] = ()
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
    """Settings of the optimiser.

    Attributes:
        name: "sgd", "amsgrad" (Adam with amsgrad, L2 weight decay) or "adamw".
        lr: learning rate before the schedule.
        weight_decay: strength of the weight decay.
        decay_norms: whether norm layers and biases decay too, as in the published recipes.
        momentum: momentum of SGD.
        beta1: first beta of Adam.
        beta2: second beta of Adam.
        clip_norm: maximum norm of the gradients, which are scaled down to it; 0: no limit.
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
        one_of("name", self.name, OPTIMISERS)


@dataclass(frozen=True)
class ScheduleRecipe(Checked):
    """The learning rate schedule.

    Attributes:
        name: "constant", "step" (times gamma at each milestone, by whole epochs) or "cosine" (to
            zero at the last epoch, by whole epochs, or by steps with `by_step`).
        milestones: epochs.
        gamma: factor of "step".
        finish_epochs: number of last epochs in which the rate falls to zero; a run at a constant
            rate can be stopped at any time and finished this way.
        by_step: update the cosine at every step.
        warmup_steps: number of first steps in which the rate grows linearly.
        frozen_epochs: two-step warm-up: in these first epochs only the classifier trains, and the
            base stays in eval mode, so that its batch statistics do not change.
    """

    name: str = "constant"
    milestones: tuple[int, ...] = ()
    gamma: float = number(0.1, 0.0, 1.0)
    finish_epochs: int = number(0, 0)
    by_step: bool = False
    warmup_steps: int = number(0, 0)
    frozen_epochs: int = number(0, 0)

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("name", self.name, SCHEDULES)
