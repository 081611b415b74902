"""A tiny data set of coloured blocks and a recipe that trains on it in seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from reid_tracker.config.checked import from_mapping
from reid_tracker.train import Recipe

HEIGHT, WIDTH = 32, 16
IDENTITIES, PER_CAMERA = 8, 3

TINY: dict[str, Any] = {
    "data": {"name": "cuhk03_crops", "holdout_identities": 2},
    "model": {"name": "osnet_x0_25"},
    "sampler": {"name": "pk", "batch_size": 8, "identities_per_batch": 4},
    "augment": {"flip": 0.5, "crop": 0.5, "patch": 0.5, "brightness": 0.2, "erase": 0.5},
    "loss": {"triplet": 1.0},
    "optimiser": {"name": "amsgrad", "lr": 0.001},
    "schedule": {"name": "cosine", "warmup_steps": 2},
    "phases": [{"epochs": 2, "height": HEIGHT, "width": WIDTH}],
    "ema_decay": 0.9,
    "checkpoint_steps": 3,
}


TAUGHT: dict[str, Any] = {
    "data": {"parts": ["train", "more"]},
    "augment": {"patch": 0.0, "camera": 0.5, "white_balance": 0.3},
    "loss": {"cross_entropy": 0.0, "am_softmax": 1.0, "distil_cosine": 1.0, "distil_relation": 1.0},
    "teacher": {"models": ["osnet_x0_25", "osnet_ain_x0_25"], "recombined": 6, "batch_size": 2},
    "schedule": {"name": "constant", "finish_epochs": 1},
    "precision": "bfloat16",
    "channels_last": True,
    "workers": 3,
}
"""Changes to the tiny recipe: two data sets joined, two teachers, batches made by threads."""


def tiny_recipe(root: Path, **sections: Any) -> Recipe:
    """Build the tiny recipe; a dictionary given by name is merged into its section."""
    merged = dict(TINY)
    merged["data"] = {**TINY["data"], "root": str(root)}
    parts = sections.get("data", {}).get("parts", ())
    if parts:  # names of folders below the root
        own = [{**merged["data"], "root": str(root / part)} for part in parts]
        merged["data"], sections = {}, {**sections, "data": {"parts": own}}
    for name, value in sections.items():
        old = merged.get(name, {})
        merged[name] = {**old, **value} if isinstance(value, dict) else value
    return from_mapping(Recipe, merged)


def person(identity: int, seed: int) -> npt.NDArray[np.uint8]:
    """A person of two coloured halves, the same for an identity, with noise by seed."""
    colours = np.random.default_rng(identity).integers(30, 220, (2, 3))
    noise = np.random.default_rng([identity, seed]).integers(-25, 26, (HEIGHT, WIDTH, 3))
    image = np.repeat(colours, HEIGHT // 2, axis=0)[:, None] + noise
    return np.asarray(np.clip(image, 0, 255), np.uint8)


def write_image(path: Path, image: npt.NDArray[np.uint8]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)
    return path


def write_cuhk03_crops(root: Path, part: str = "train", first: int = 0) -> Path:
    """Write identities as `IIII_KK.png`, K 00-02 of camera A and 05-07 of camera B."""
    for identity in range(first, first + IDENTITIES):
        for number in (*range(PER_CAMERA), *range(5, 5 + PER_CAMERA)):
            name = f"{identity:04d}_{number:02d}.png"
            write_image(root / part / name, person(identity, number))
    return root


def yolo_folder(root: Path) -> Path:
    """Make a data set in YOLO form: a picture with one person and one with none."""
    image = np.zeros((50, 60, 3), np.uint8)
    image[5:45, 21:39] = (10, 20, 30)
    write_image(root / "images" / "part" / "a.png", image)
    write_image(root / "images" / "part" / "empty.png", image)
    (root / "labels" / "part").mkdir(parents=True)
    (root / "labels" / "part" / "a.txt").write_text("0 0.5 0.5 0.3 0.8\n16 0.5 0.5 0.1 0.1\n")
    (root / "labels" / "part" / "empty.txt").write_text("")
    return root
