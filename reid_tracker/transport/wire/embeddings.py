"""What a person looks like, on the wire: unit vectors in half precision with weights.

float16 halves the bytes and moves a cosine by less than 1e-4, far below what tells people apart.
"""

from __future__ import annotations

import base64
import binascii
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reid_tracker.errors import MessageError
from reid_tracker.transport.wire.fields import (
    Choice,
    ListOf,
    Real,
    Schema,
    Text,
    Whole,
    check_fields,
    kinds_of,
    wire,
    wrong,
)

HalfVectors = npt.NDArray[np.float16]

MOST_PROTOTYPES = 16
MOST_VALUES = 16 * 1024
"""Numbers in the prototypes of a message: 43 691 bytes of base64."""

_MOST_DIM = 4096
_UNIT_TOLERANCE = 1e-2
"""float16 rows are of length 1 within 1e-3; what is farther off was never made one."""


class _Vectors:
    """(P, D) float16 rows as base64 of their little-endian bytes."""

    def check(self, value: Any, where: str) -> HalfVectors:
        """See `Kind`."""
        try:
            with np.errstate(over="ignore", invalid="ignore"):  # both are found below
                rows = np.array(value, np.float16)  # a copy: nobody else can change it
        except (TypeError, ValueError, OverflowError):
            wrong(where, type(value).__name__, "an array (P, D)")
        if rows.ndim != 2 or len(rows) > MOST_PROTOTYPES or rows.size > MOST_VALUES:
            raise MessageError(
                f"{where} of shape {rows.shape}: expected (P, D) with P <= {MOST_PROTOTYPES} and "
                f"at most {MOST_VALUES} values"
            )
        lengths = np.linalg.norm(rows.astype(np.float32), axis=1)
        # Written so that NaN fails, too.
        if not (np.abs(lengths - 1) <= _UNIT_TOLERANCE).all():
            raise MessageError(f"{where}: expected finite rows of length 1, as encoders make them")
        rows.flags.writeable = False
        return rows

    def dump(self, value: HalfVectors) -> str:
        """See `Kind`."""
        little = value if sys.byteorder == "little" else value.byteswap()
        return base64.b64encode(little.tobytes()).decode("ascii")

    def load(self, value: Any, where: str) -> npt.NDArray[np.float16]:
        """Return (P * D,) values; their shape is known with the other fields."""
        if not isinstance(value, str) or len(value) > 4 * -(-2 * MOST_VALUES // 3):
            wrong(where, value, f"base64 of at most {MOST_VALUES} float16 numbers")
        try:
            data = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            wrong(where, value, "base64")
        if len(data) % 2:
            wrong(where, value, "base64 of float16 numbers, which have two bytes each")
        return np.frombuffer(data, "<f2").astype(np.float16)

    def schema(self) -> Schema:
        """See `Kind`."""
        return {
            "type": "string",
            "contentEncoding": "base64",
            "pattern": "^[A-Za-z0-9+/]*={0,2}$",
            "maxLength": 4 * -(-2 * MOST_VALUES // 3),
            "description": "count x dim little-endian IEEE 754 half-precision numbers; "
            "each row has length 1",
        }


_VECTORS = _Vectors()


@dataclass(frozen=True, eq=False)
class Prototypes:
    """Views of a person: weighted mean embeddings of looks alike.

    Attributes:
        encoder: fingerprint of the encoder's weights; embeddings of others cannot be compared.
        dim: D, size of an embedding.
        dtype: always "float16".
        weights: (P,) weights above 0: how much each view was seen.
        vectors: (P, D) float16 unit rows, read-only; any array-like is converted.

    Raises:
        MessageError: a value does not fit.
    """

    encoder: str = wire(Text(most=200))
    dim: int = wire(Whole(low=1, high=_MOST_DIM))
    dtype: str = wire(Choice(("float16",)))
    weights: tuple[float, ...] = wire(ListOf(Real(1e-4, 1e9, digits=4), most=MOST_PROTOTYPES))
    vectors: HalfVectors = wire(_VECTORS)

    def __post_init__(self) -> None:
        self._shape_what_came()
        check_fields(self)
        if self.vectors.shape != (len(self.weights), self.dim):
            raise MessageError(
                f"Prototypes.vectors of shape {self.vectors.shape}: expected "
                f"({len(self.weights)}, {self.dim}) by weights and dim"
            )

    def _shape_what_came(self) -> None:
        """Give flat vectors, as the wire has them, their rows."""
        dim, rows = kinds_of(Prototypes)["dim"].check(self.dim, "Prototypes.dim"), self.vectors
        if isinstance(rows, np.ndarray) and rows.ndim == 1 and len(rows) % dim == 0:
            object.__setattr__(self, "vectors", rows.reshape(-1, dim))

    @classmethod
    def of(cls, encoder: str, vectors: Any, weights: Any) -> Prototypes:
        """Make prototypes of (P, D) unit rows and (P,) weights, as a matcher's memory holds them.

        Raises:
            MessageError: a value does not fit.
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
        mine = (self.encoder, self.dim, self.dtype, self.weights)
        theirs = (other.encoder, other.dim, other.dtype, other.weights)
        return mine == theirs and np.array_equal(self.vectors, other.vectors)

    def __hash__(self) -> int:
        return hash((self.encoder, self.dim, self.weights, self.vectors.tobytes()))
