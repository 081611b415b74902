"""Embeddings on the wire."""

from __future__ import annotations

import numpy as np
import pytest

from reid_tracker.errors import MessageError
from reid_tracker.transport.wire.codec import decode_message, encode_message
from reid_tracker.transport.wire.embeddings import Prototypes
from reid_tracker.transport.wire.messages import (
    TrackletMessage,
)
from tests.transport.samples import (
    ENCODER,
    tracklet,
    unit,
)


def test_half_precision_keeps_cosines() -> None:
    one, other = unit(1, 512, 1), unit(1, 512, 2)
    message = tracklet(prototypes=Prototypes.of(ENCODER, np.concatenate([one, other]), [1, 1]))
    got = decode_message(encode_message(message))
    assert isinstance(got, TrackletMessage)
    rows = got.prototypes.vectors.astype(np.float32)
    assert abs(float(rows[0] @ rows[1]) - float(one[0] @ other[0])) < 2e-4


def test_a_message_cannot_be_changed() -> None:
    source = unit(2, 32).astype(np.float16)
    prototypes = Prototypes.of(ENCODER, source, [1, 1])
    source[:] = 0
    assert prototypes.vectors.any()
    with pytest.raises(ValueError, match="read-only"):
        prototypes.vectors[0] = 0


def test_a_tracklet_without_embeddings() -> None:
    message = tracklet(prototypes=Prototypes.of(ENCODER, np.zeros((0, 512)), []))
    got = decode_message(encode_message(message))
    assert got == message
    assert isinstance(got, TrackletMessage)
    assert got.prototypes.vectors.shape == (0, 512)
    assert len(got.prototypes) == 0


@pytest.mark.parametrize(
    ("rows", "weights", "words"),
    [
        (np.ones((2, 32)), [1, 1], "of length 1"),
        (np.full((1, 4), np.nan), [1], "of length 1"),
        (np.full((1, 4), 1e30), [1], "of length 1"),
        (np.zeros((1, 4)), [1], "of length 1"),
        (unit(2, 32), [1], "by weights and dim"),
        (unit(2, 32), [1, 0], "Expected `float` >= 0.0001 - at `$[1]`"),
        (unit(2, 32), [1, np.inf], "Prototypes.weights"),
        (unit(17, 4), [1] * 17, "Expected `array` of length <= 16"),
        (unit(17, 4), [1] * 16, "P <= 16"),
        (unit(9, 2048), [1] * 9, "at most 16384 values"),
        (unit(1, 5000), [1], "Prototypes.dim = 5000"),
        (np.zeros(4), [1], "expected (P, D)"),
    ],
)
def test_invalid_prototypes(rows: np.ndarray, weights: list[float], words: str) -> None:
    with pytest.raises(MessageError) as caught:
        Prototypes.of(ENCODER, rows, weights)
    assert words in str(caught.value)
