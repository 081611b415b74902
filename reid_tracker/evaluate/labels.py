"""Identity and camera labels of images, and embeddings with these labels.

Identities follow Market-1501: -1 is junk and is never scored, 0 is a distractor (in the gallery,
but never a match), people are numbered from 1. Data sets that count people from 0 must add 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reid_tracker.arrays import Float32Array, IntArray, to_array
from reid_tracker.errors import InputError

Indices = npt.NDArray[np.signedinteger[Any]]

JUNK = -1
DISTRACTOR = 0


@dataclass(frozen=True, eq=False)
class Labels:
    """Identities and cameras of N images.

    Attributes:
        identities: (N,) int64; -1 junk, 0 distractor, people from 1.
        cameras: (N,) int64, any numbers. Each image of an unknown camera gets its own number.

    Raises:
        InputError: a column is not integers, lengths differ, or an identity is below -1.
    """

    identities: IntArray
    cameras: IntArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "identities", _whole_numbers("identities", self.identities))
        object.__setattr__(self, "cameras", _whole_numbers("cameras", self.cameras))
        if len(self.identities) != len(self.cameras):
            raise InputError(
                f"Labels has {len(self.identities)} identities but {len(self.cameras)} cameras, "
                "expected one of each per image"
            )
        if len(self) and self.identities.min() < JUNK:
            raise InputError(
                f"Labels.identities has {self.identities.min()}, expected -1 (junk), 0 "
                "(distractor) or a person from 1"
            )

    def __len__(self) -> int:
        return len(self.identities)

    def __getitem__(self, rows: Any) -> Labels:
        """Select rows by boolean mask, index array or slice."""
        return Labels(self.identities[rows], self.cameras[rows])


@dataclass(frozen=True, eq=False)
class Samples:
    """Embeddings of N images with their labels.

    Attributes:
        embeddings: (N, D) float32, rows of any length.
        labels: labels of the N images.

    Raises:
        InputError: lengths differ, or an embedding is not finite.
    """

    embeddings: Float32Array
    labels: Labels

    def __post_init__(self) -> None:
        embeddings = check_embeddings("Samples.embeddings", self.embeddings)
        if len(embeddings) != len(self.labels):
            raise InputError(
                f"Samples has {len(embeddings)} embeddings but {len(self.labels)} labels"
            )
        object.__setattr__(self, "embeddings", embeddings)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, rows: Any) -> Samples:
        """Select rows by boolean mask, index array or slice."""
        return Samples(self.embeddings[rows], self.labels[rows])

    def without_junk(self) -> Samples:
        """Return the samples without junk; the same object if there is none."""
        good = self.labels.identities != JUNK
        return self if good.all() else self[good]


def check_embeddings(name: str, embeddings: Any) -> Float32Array:
    """Return embeddings as (N, D) float32.

    Raises:
        InputError: they are not an (N, D) table of finite numbers.
    """
    rows: Float32Array = to_array(embeddings, np.float32, name)
    if rows.ndim != 2:
        if rows.size:
            raise InputError(f"{name} has shape {rows.shape}, expected (N, D)")
        rows = rows.reshape(0, 0)
    if not np.isfinite(rows).all():
        row = int(np.nonzero(~np.isfinite(rows).all(axis=1))[0][0])
        raise InputError(f"{name} row {row} has NaN or infinite values; expected finite numbers")
    return rows


def check_queries(query: Labels) -> None:
    """Check that no query is a distractor: most likely the data set counts people from 0.

    Raises:
        InputError: a query has identity 0.
    """
    zeros = np.nonzero(query.identities == DISTRACTOR)[0]
    if len(zeros):
        raise InputError(
            f"query {zeros[0]} has identity 0, which means distractor; add 1 to all identities of "
            "a data set that counts people from 0"
        )


def _whole_numbers(name: str, column: Any) -> IntArray:
    numbers = to_array(column, np.int64, f"Labels.{name}")
    if numbers.size == 0:
        return np.empty(0, np.int64)
    if numbers.ndim != 1:
        raise InputError(f"Labels.{name} has shape {numbers.shape}, expected (N,) integers")
    return numbers
