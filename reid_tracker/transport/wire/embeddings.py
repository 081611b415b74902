"""Embeddings of a person on the wire: unit vectors in half precision with weights.

float16 halves the bytes and changes a cosine similarity by less than 1e-4, far less than the
difference between two people.
"""

from __future__ import annotations

import base64
import binascii
import sys
from typing import Annotated, Any, ClassVar, Literal

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Meta

from reid_tracker.errors import MessageError
from reid_tracker.transport.wire.record import Name, Record, wrong

HalfVectors = npt.NDArray[np.float16]

MAX_PROTOTYPES = 16
MAX_VALUES = 16 * 1024
"""Maximum count of numbers in the prototypes of a message; in base64 they take 43,692 bytes."""

_MAX_LETTERS = 4 * -(-2 * MAX_VALUES // 3)
_UNIT_TOLERANCE = 1e-2
"""Unit vectors in float16 have length 1 within 1e-3; this leaves a wide margin."""

VECTORS_SCHEMA = {
    "type": "string",
    "contentEncoding": "base64",
    "pattern": "^[A-Za-z0-9+/]*={0,2}$",
    "maxLength": _MAX_LETTERS,
    "description": "count x dim little-endian IEEE 754 half-precision numbers; "
    "each row has length 1",
}


class Prototypes(Record, frozen=True, eq=False):
    """The appearance of a person: weighted mean embeddings, one for each group of similar views.

    Attributes:
        encoder: fingerprint of the encoder; embeddings of different encoders cannot be compared.
        dim: D, size of an embedding.
        dtype: always "float16".
        weights: (P,) positive weights: how often each view was seen.
        vectors: (P, D) float16 unit rows, read-only; any array-like is converted.

    Raises:
        MessageError: a value is invalid.
    """

    encoder: Name
    dim: Annotated[int, Meta(ge=1, le=4096)]
    dtype: Literal["float16"]
    weights: Annotated[
        tuple[Annotated[float, Meta(ge=1e-4, le=1e9)], ...], Meta(max_length=MAX_PROTOTYPES)
    ]
    vectors: HalfVectors

    digits: ClassVar[dict[str, int]] = {"weights": 4}

    def __post_init__(self) -> None:
        super().__post_init__()
        rows = _half(self.vectors)
        if rows.ndim == 1 and len(rows) % self.dim == 0:  # as `load_vectors` returns them
            rows = rows.reshape(-1, self.dim)
        if rows.ndim != 2 or len(rows) > MAX_PROTOTYPES or rows.size > MAX_VALUES:
            raise MessageError(
                f"Prototypes.vectors of shape {rows.shape}: expected (P, D) with P <= "
                f"{MAX_PROTOTYPES} and at most {MAX_VALUES} values"
            )
        lengths = np.linalg.norm(rows.astype(np.float32), axis=1)
        # Written so that NaN fails, too.
        if not (np.abs(lengths - 1) <= _UNIT_TOLERANCE).all():
            raise MessageError("Prototypes.vectors: expected finite rows of length 1")
        if rows.shape != (len(self.weights), self.dim):
            raise MessageError(
                f"Prototypes.vectors of shape {rows.shape}: expected "
                f"({len(self.weights)}, {self.dim}) by weights and dim"
            )
        rows.flags.writeable = False
        msgspec.structs.force_setattr(self, "vectors", rows)

    @classmethod
    def of(cls, encoder: str, vectors: Any, weights: Any) -> Prototypes:
        """Make prototypes from (P, D) unit rows and (P,) weights.

        Raises:
            MessageError: a value is invalid.
        """
        rows = np.asarray(vectors)
        if rows.ndim != 2:
            raise MessageError(f"vectors of shape {rows.shape}: expected (P, D)")
        return cls(encoder, rows.shape[1], "float16", tuple(np.asarray(weights).tolist()), rows)

    def __len__(self) -> int:
        return len(self.weights)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Prototypes):
            return NotImplemented
        mine = (self.encoder, self.dim, self.weights)
        theirs = (other.encoder, other.dim, other.weights)
        return mine == theirs and np.array_equal(self.vectors, other.vectors)

    def __hash__(self) -> int:
        return hash((self.encoder, self.dim, self.weights, self.vectors.tobytes()))


def _half(vectors: Any) -> HalfVectors:
    """Return a copy in half precision."""
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # infinite rows are refused later
            return np.array(vectors, np.float16)
    except (TypeError, ValueError, OverflowError):
        raise wrong("Prototypes.vectors", type(vectors).__name__, "Expected an array") from None


def dump_vectors(vectors: Any) -> str:
    """Encode vectors as base64 of their little-endian bytes; a hook of msgspec."""
    little = vectors if sys.byteorder == "little" else vectors.byteswap()
    return base64.b64encode(little.tobytes()).decode("ascii")


def load_vectors(_kind: Any, value: Any) -> HalfVectors:
    """Decode (P * D,) float16 numbers from base64; a hook of msgspec.

    Raises:
        MessageError: the value is too long, or not base64 of float16 numbers.
    """
    if not isinstance(value, str) or len(value) > _MAX_LETTERS:
        raise wrong("vectors", value, f"Expected base64 of at most {MAX_VALUES} float16 numbers")
    try:
        data = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise wrong("vectors", value, "Expected base64") from None
    if len(data) % 2:
        raise wrong("vectors", value, "Expected base64 of float16 numbers, two bytes each")
    return np.frombuffer(data, "<f2").astype(np.float16)
