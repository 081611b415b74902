"""Identifies the embedding space of an encoder."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from reid_tracker.config import EncoderConfig
from reid_tracker.encode.build import resolve_model
from reid_tracker.zoo.content import content_of
from reid_tracker.zoo.metadata import SPACE_KEY, read_metadata
from reid_tracker.zoo.spaces import space_of

_SPACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


def model_fingerprint(config: EncoderConfig) -> str:
    """Return what identifies the embeddings of an encoder; only those of one space are compared.

    For a file that the manifest lists, it is the name of its space. For a file that this project
    exported, it is what the export says: the space of its source, if the export was measured to
    give the same embeddings. For any other file it is the SHA-256 (of an .xml file, with its .bin),
    and without a file (untrained networks, timm) that of the name. Back end, rounding of crops and
    `half` do not count: they change embeddings less than one pixel of a box does. Crops that are
    wider by more than a rounding are a space of their own.

    Raises:
        WeightsError: the model is not on this machine, or cannot be read.
    """
    space = _space_of_model(resolve_model(config).model)
    if config.crop_scale == 1 and config.crop_padding == 0:
        return space
    crops = f"{space} {config.crop_scale:g} {config.crop_padding:g}"
    return hashlib.sha256(crops.encode()).hexdigest()


def _space_of_model(model: str) -> str:
    path = Path(model)
    if not path.exists():
        return hashlib.sha256(model.encode()).hexdigest()
    own = content_of(path).sha256
    space = space_of(own)
    named: str | None = None
    if space == own and path.suffix.lower() == ".onnx":
        named = read_metadata(path).get(SPACE_KEY)
    elif path.suffix.lower() == ".xml":
        from reid_tracker.encode.openvino_backend import stored_space

        # An .xml file describes layers: networks that differ in weights alone share it.
        both = own + content_of(path.with_suffix(".bin")).sha256
        space, named = hashlib.sha256(both.encode()).hexdigest(), stored_space(path)
    return space_of(named) if named and _SPACE.fullmatch(named) else space
