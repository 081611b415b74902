"""The recipe of a detector's training run: its pictures, their composition, the schedule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reid_tracker.config.checked import Checked, number
from reid_tracker.errors import ConfigError
from reid_tracker.train.recipe.file import read_recipe


@dataclass(frozen=True)
class PictureRecipe(Checked):
    """Sources of people and backgrounds, and how training pictures are composed of them.

    Attributes:
        box_folders: data sets in YOLO form (images/ and labels/); class 0 is a person. Pictures
            without people serve as backgrounds.
        videos: clips in which the teacher finds the people.
        teacher: a detector that `reid_tracker.build_detector` accepts; it labels the clips, and
            people that the labels of `box_folders` miss.
        teacher_confidence: minimum confidence of the teacher's detections.
        frame_step: every n-th frame of a clip is taken.
        mask_folder: images/ and masks/ as in Penn-Fudan: mask values 1, 2, ... are people.
        crop_folders: crops of one person each, cut out along their outline before they are pasted.
        crops: number of these crops to use.
        training: training pictures to make.
        validation: validation pictures to make, from other pictures, cut-outs and runs of frames
            than training. Frames come from the same clips, so people and places may occur in both.
        side_px: side of a picture.
        min_height_px: minimum height of the person around whom a picture is cut.
        max_height_px: maximum height.
        composed: part of the pictures into which people are pasted.
        most_pasted: maximum number of people pasted into one picture.
        distractors: mean number of pasted things that are not people.
    """

    box_folders: tuple[str, ...] = ()
    videos: tuple[str, ...] = ()
    teacher: str = ""
    teacher_confidence: float = number(0.4, 0.0, 1.0)
    frame_step: int = number(5, 1)
    mask_folder: str = ""
    crop_folders: tuple[str, ...] = ()
    crops: int = number(0, 0)
    training: int = number(6000, 1)
    validation: int = number(300, 1)
    side_px: int = number(352, 32)
    min_height_px: int = number(24, 8)
    max_height_px: int = number(340, 8)
    composed: float = number(0.5, 0.0, 1.0)
    most_pasted: int = number(8, 1)
    distractors: float = number(2.0, 0.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.min_height_px > self.max_height_px:
            raise ConfigError(
                f"min_height_px = {self.min_height_px}: expected at most max_height_px = "
                f"{self.max_height_px}"
            )


@dataclass(frozen=True)
class DetectorRecipe(Checked):
    """A training run of a detector.

    Attributes:
        architecture: a model description of ultralytics, such as "yolo11n.yaml".
        weights: a .pt file of `train_detector` to start from; empty starts from random numbers.
        distillation: weight of the loss that compares the detector with `pictures.teacher`, an
            OpenVINO folder, at every anchor; 0 learns from boxes alone.
        pictures: the training data.
        epochs: passes over the training pictures.
        image_size: side of the network's input, pixels.
        multi_scale: each batch is scaled by a factor from 1 - multi_scale to 1 + multi_scale.
        batch_size: pictures in a step.
        optimiser: an optimiser of ultralytics.
        lr: learning rate after the warm-up.
        last_lr: the last learning rate, as a part of `lr`.
        weight_decay: strength of the weight decay.
        warmup_epochs: length of the warm-up.
        mosaic: probability that four pictures are joined into one.
        plain_epochs: number of last epochs without mosaics.
        scale: zoom in or out by at most this part.
        hsv: changes of hue, saturation and value, as parts.
        bfloat16: run the network in half precision, also on a CPU.
        seed: seed of composition, weights and order.
    """

    architecture: str = "yolo11n.yaml"
    weights: str = ""
    distillation: float = number(0.0, 0.0, 1.0)
    pictures: PictureRecipe = field(default_factory=PictureRecipe)
    epochs: int = number(18, 1)
    image_size: int = number(320, 32)
    multi_scale: float = number(0.0, 0.0, 0.5)
    batch_size: int = number(16, 1)
    optimiser: str = "AdamW"
    lr: float = number(0.002, 0.0, exclusive=True)
    last_lr: float = number(0.01, 0.0, 1.0)
    weight_decay: float = number(0.0005, 0.0)
    warmup_epochs: float = number(0.5, 0.0)
    mosaic: float = number(0.3, 0.0, 1.0)
    plain_epochs: int = number(3, 0)
    scale: float = number(0.3, 0.0, 0.9)
    hsv: tuple[float, ...] = (0.02, 0.5, 0.4)
    bfloat16: bool = True
    seed: int = number(1, 0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.hsv) != 3:
            raise ConfigError(f"hsv = {list(self.hsv)}: expected three numbers")
        if Path(self.architecture).suffix not in (".yaml", ".yml"):
            # ultralytics would download trained weights for such a name
            raise ConfigError(
                f"architecture = {self.architecture}: expected a model description, such as "
                "yolo11n.yaml"
            )
        if self.distillation and not (self.pictures.teacher and not self.multi_scale):
            raise ConfigError(
                f"distillation = {self.distillation}: expected a pictures.teacher, and "
                "multi_scale = 0, because a teacher takes pictures of one size"
            )


def load_detector_recipe(
    source: str | Path, overrides: Mapping[str, Any] | None = None
) -> DetectorRecipe:
    """Read a recipe: a YAML file, or the name of one in configs/train/ ("person_yolo11n").

    Raises:
        ConfigError: the recipe does not exist, a key is unknown, or a value is invalid.
    """
    return read_recipe(source, overrides, DetectorRecipe)
