"""Identifies an encoder by a hash of its weights."""

from __future__ import annotations

import hashlib
from pathlib import Path

from reid_tracker.config import EncoderConfig
from reid_tracker.encode.build import resolve_model
from reid_tracker.zoo.content import content_of


def model_fingerprint(config: EncoderConfig) -> str:
    """Return the hash that identifies an encoder; only its own embeddings can be compared.

    It is the SHA-256 of the weights' file, or of the name if there is no file (untrained networks,
    timm).

    Raises:
        WeightsError: the model is not on this machine, or cannot be read.
    """
    model = resolve_model(config).model
    if Path(model).exists():
        return content_of(Path(model)).sha256
    return hashlib.sha256(model.encode()).hexdigest()
