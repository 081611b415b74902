"""Random patch: patches of earlier images are pasted into later ones.

The reference code keeps up to 50,000 patches in memory. Here the pool remembers where each patch
lies in the training set, and cuts it out when it is pasted: a checkpoint of it is a small table,
and a resumed run pastes the same patches.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import torch
from torch import Generator, Tensor
from torch.nn import functional as F  # noqa: N812 - the name that every PyTorch reader knows

from reid_tracker.train.batches.rectangles import random_rectangles
from reid_tracker.train.images import CropSource, to_unit_rgb

POOL_SIZE = 50_000
MIN_POOL = 100
"""Pasting starts once the pool holds this many patches."""

AREA = (0.01, 0.5)
RATIO = 0.1
DEGREES = 10.0


class PatchPool:
    """Positions of the newest `POOL_SIZE` patches in the training set.

    A patch covers 0.01 to 0.5 of an image, with height to width between 0.1 and 10. With
    probability 0.5 each it is mirrored, and rotated by at most 10 degrees.

    Args:
        source: the training images, without augmentation.

    Attributes:
        places: (n, 5) float64: row of the image; top, left, height and width as parts of its size.
        added: number of patches ever added.
    """

    def __init__(self, source: CropSource) -> None:
        self._source = source
        self.places = np.empty((0, 5))
        self.added = 0

    def paste(
        self,
        images: Tensor,
        rows: npt.NDArray[np.int64],
        probability: float,
        generator: Generator,
        shared: Generator | None = None,
    ) -> Tensor:
        """Add a patch of each labelled image to the pool, then paste into some of the batch.

        Args:
            images: (B, 3, H, W) float32 RGB in [0, 1].
            rows: row numbers of the batch's labelled images, of all processes.
            probability: of pasting into an image.
            generator: source of randomness.
            shared: source of the new patches' positions, if several processes must draw the same;
                None takes `generator`.

        Returns:
            The images, (B, 3, H, W).
        """
        size = (images.shape[2], images.shape[3])
        self._remember(rows, size, generator if shared is None else shared)
        chosen = (torch.rand(len(images), generator=generator) < probability).nonzero()[:, 0]
        if len(self.places) < MIN_POOL or not len(chosen):
            return images
        picked = torch.randint(len(self.places), (len(chosen),), generator=generator).numpy()
        images = images.clone()
        for target, place in zip(chosen.tolist(), self.places[picked], strict=True):
            patch = _turned(self._cut(place, size), generator)
            height, width = patch.shape[1:]
            top = _below(size[0] - height + 1, generator)
            left = _below(size[1] - width + 1, generator)
            images[target, :, top : top + height, left : left + width] = patch
        return images

    def state(self) -> dict[str, Tensor | int]:
        """Return the state for a checkpoint."""
        return {"places": torch.from_numpy(self.places.copy()), "added": self.added}

    def load(self, state: dict[str, Tensor | int]) -> None:
        """Restore the result of `state`."""
        self.places = torch.as_tensor(state["places"]).numpy().copy()
        self.added = int(state["added"])

    def _remember(
        self, rows: npt.NDArray[np.int64], size: tuple[int, int], generator: Generator
    ) -> None:
        drawn = random_rectangles(len(rows), size, AREA, RATIO, generator).numpy()
        new = np.column_stack([rows, drawn / np.array([*size, *size])])[drawn[:, 2] > 0]
        if len(self.places) + len(new) <= POOL_SIZE:
            self.places = np.concatenate([self.places, new])
        else:
            grown = np.concatenate([self.places, new[: POOL_SIZE - len(self.places)]])
            rest = new[POOL_SIZE - len(self.places) :]
            start = max(self.added, POOL_SIZE)
            grown[(start + np.arange(len(rest))) % POOL_SIZE] = rest
            self.places = grown
        self.added += len(new)

    def _cut(self, place: npt.NDArray[np.float64], size: tuple[int, int]) -> Tensor:
        image = to_unit_rgb(self._source.take(np.array([int(place[0])]), size))[0]
        top, left, height, width = np.rint(place[1:] * np.array([*size, *size])).astype(int)
        height, width = max(int(height), 1), max(int(width), 1)
        return image[:, top : top + height, left : left + width]


def _turned(patch: Tensor, generator: Generator) -> Tensor:
    flip, rotate, angle = torch.rand(3, generator=generator).tolist()
    if flip < 0.5:
        patch = patch.flip(2)
    return _rotated(patch, DEGREES * (2 * angle - 1)) if rotate < 0.5 else patch


def _rotated(patch: Tensor, degrees: float) -> Tensor:
    """Rotate (3, h, w) about its centre, nearest pixel; uncovered corners are black."""
    height, width = patch.shape[1:]
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    # Grid coordinates run from -1 to 1 along both sides, so pixels are not square in them.
    matrix = torch.tensor(
        [[[cosine, -sine * height / width, 0.0], [sine * width / height, cosine, 0.0]]]
    )
    grid = F.affine_grid(matrix, [1, 3, height, width], align_corners=False)
    return F.grid_sample(patch[None], grid, mode="nearest", align_corners=False)[0]


def _below(limit: int, generator: Generator) -> int:
    return int(torch.randint(limit, (), generator=generator))
