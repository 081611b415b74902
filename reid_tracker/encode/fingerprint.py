"""Tells whose embeddings they are: a hash of the weights that an encoder's name means."""

from __future__ import annotations

import hashlib
from pathlib import Path

from reid_tracker.config import EncoderConfig
from reid_tracker.encode.build import resolve_model
from reid_tracker.zoo.content import content_of


def model_fingerprint(config: EncoderConfig) -> str:
    """Return the hash by which a gallery knows the embeddings of an encoder.

    Embeddings can be compared only where it is the same. It is the SHA-256 of the weights' file, or
    of the name where there is no file (untrained networks, timm).

    Raises:
        WeightsError: the model is not on this machine, or cannot be read.
    """
    model = resolve_model(config).model
    if Path(model).exists():
        return content_of(Path(model)).sha256
    return hashlib.sha256(model.encode()).hexdigest()
