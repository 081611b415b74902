"""Settings of the training data: data sets, batches and augmentation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from reid_tracker.config.checked import Checked, number, shown
from reid_tracker.errors import ConfigError

SAMPLERS = ("random", "pk")


def one_of(key: str, value: str, choices: Iterable[str]) -> None:
    """Raise a `ConfigError` if a value is not one of the choices."""
    if value not in choices:
        raise ConfigError(f"{key} = {shown(value, str)}: expected one of {', '.join(choices)}")


@dataclass(frozen=True)
class PartRecipe(Checked):
    """One data set.

    Attributes:
        name: a key of `reid_tracker.train.DATASETS`.
        root: folder or file of the data set.
        split: for CUHK03, "new" or "classic-0" to "classic-19"; else unused.
        holdout_identities: number of training identities held out to compare recipes; 0: none.
    """

    name: str = "folder"
    root: str = ""
    split: str = "new"
    holdout_identities: int = number(0, 0)


@dataclass(frozen=True)
class DataRecipe(PartRecipe):
    """The training data: one data set, or several joined into one.

    Attributes:
        parts: data sets to join, instead of the single one; their people and cameras are
            renumbered, so that no two data sets share a number.
        cache_gib: maximum memory for decoded crops; more crops are read on demand instead.
    """

    parts: tuple[PartRecipe, ...] = ()
    cache_gib: float = number(8.0, 0.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.parts and (self.root or self.holdout_identities):
            raise ConfigError(
                "data.parts already names the data sets; give root and holdout_identities in each "
                "part instead"
            )

    @property
    def sets(self) -> tuple[PartRecipe, ...]:
        """The data sets to train on, at least one."""
        return self.parts or (self,)


@dataclass(frozen=True)
class SamplerRecipe(Checked):
    """How images form batches.

    Attributes:
        name: "random", or "pk": identities_per_batch identities with batch_size /
            identities_per_batch images each, of different cameras if possible.
        batch_size: labelled images in a step, over all processes.
        identities_per_batch: P of the PK sampler.
    """

    name: str = "random"
    batch_size: int = number(64, 2)
    identities_per_batch: int = number(16, 2)

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("name", self.name, SAMPLERS)
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
        background: probability that a labelled person gets another background.
        background_folders: data sets in YOLO form (images/ and labels/) whose pictures without
            people are these backgrounds.
        flip: probability of a left-right flip.
        crop: probability of enlarging by 1.125 and cutting out a window of the old size.
        low_resolution: probability of shrinking and enlarging again, like a distant person.
        low_resolution_scale: minimum scale of the shrinking.
        patch: probability of pasting a patch of another image.
        brightness: factors are drawn from 1 - brightness to 1 + brightness.
        contrast: range of contrast factors, as for brightness.
        saturation: range of saturation factors, as for brightness.
        camera: probability that an image gets the colours of another camera, within the limits
            `white_balance` and `gamma`.
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
