"""Identifies the embedding space of an encoder."""

from __future__ import annotations

import hashlib
from pathlib import Path

from reid_tracker.config import EncoderConfig
from reid_tracker.encode.build import resolve_model
from reid_tracker.zoo.content import content_of
from reid_tracker.zoo.spaces import space_of


def model_fingerprint(config: EncoderConfig) -> str:
    """Return what identifies the embeddings of an encoder; only those of one space are compared.

    For a file that the manifest lists, it is the name of its space. For an .onnx file that this
    project exported, it is what the export says: the fingerprint of its checkpoint. For any other
    file it is the SHA-256, and without a file (untrained networks, timm) that of the name.

    Raises:
        WeightsError: the model is not on this machine, or cannot be read.
    """
    model = resolve_model(config).model
    path = Path(model)
    if not path.exists():
        return hashlib.sha256(model.encode()).hexdigest()
    own = content_of(path).sha256
    space = space_of(own)
    if space == own and path.suffix.lower() == ".onnx":
        from reid_tracker.encode.onnx_backend import exported_space

        return space_of(exported_space(path) or own)
    return space
