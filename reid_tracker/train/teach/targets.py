"""Embeddings of crops by a teacher: computed once, cached on disk, shared between runs."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import numpy as np
import numpy.typing as npt

from reid_tracker.config import EncoderConfig
from reid_tracker.encode import build_encoder
from reid_tracker.encode.fingerprint import model_fingerprint
from reid_tracker.train.checkpoint import write_atomically
from reid_tracker.train.images import CropSource

logger = logging.getLogger(__name__)

Targets = npt.NDArray[np.float32]
"""Teacher embeddings, (N, D) unit rows."""

SIZE = (256, 128)
"""Height and width of the crops given to teachers."""

_CHUNK = 256


def ask(model: str, crops: CropSource, rows: range, folder: Path) -> Targets:
    """Return a teacher's embeddings of some crops, from the cache if it holds them.

    Args:
        model: any encoder that `build_encoder` accepts.
        crops: all crops.
        rows: the rows to embed.
        folder: the cache, one file per teacher and content of the crops.

    Raises:
        ReidTrackerError: the teacher cannot be used.
    """
    file = folder / f"{_model_digest(model)[:16]}-{digest(crops, rows)[:16]}.npy"
    if not file.is_file():
        logger.info("%s embeds %d crops", Path(model).name, len(rows))
        folder.mkdir(parents=True, exist_ok=True)
        found = teach(model, crops, rows).astype(np.float16)
        write_atomically(file, lambda opened: np.save(opened, found))
    return unit(np.load(file).astype(np.float32))


def teach(model: str, crops: CropSource, rows: range) -> Targets:
    """Return a teacher's embeddings of crops: the mean over each crop and its mirror image."""
    encoder = build_encoder(model)
    whole = np.array([[0, 0, SIZE[1], SIZE[0]]], np.float32)
    parts = [np.empty((0, encoder.embedding_size), np.float32)]
    for part in _chunks(rows):
        chunk = crops.take(part, SIZE)
        both = [*chunk, *np.ascontiguousarray(chunk[:, :, ::-1])]
        found = np.concatenate(encoder.encode_batch(both, [whole] * len(both)))
        parts.append(unit(found[: len(chunk)] + found[len(chunk) :]))
    return np.concatenate(parts)


def digest(crops: CropSource, rows: range) -> str:
    """Return a hash of the pixels of some crops."""
    total = hashlib.blake2b(f"{len(rows)} ".encode())
    for part in _chunks(rows):
        total.update(crops.take(part, SIZE).tobytes())
    return total.hexdigest()


def pull_together(targets: Targets, labels: npt.NDArray[np.int64], pull: float) -> Targets:
    """Move each target towards the mean of its identity: 0 leaves it, 1 makes them equal."""
    names, rows = np.unique(labels, return_inverse=True)
    sums = np.zeros((len(names), targets.shape[1]), np.float32)
    np.add.at(sums, rows, targets)
    return unit((1 - pull) * targets + pull * unit(sums)[rows])


def unit(rows: Targets) -> Targets:
    """Scale rows to length 1."""
    scaled: Targets = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return scaled


def _chunks(rows: range) -> list[npt.NDArray[np.int64]]:
    starts = range(rows.start, rows.stop, _CHUNK)
    return [np.arange(start, min(start + _CHUNK, rows.stop)) for start in starts]


def _model_digest(model: str) -> str:
    total = hashlib.blake2b(model_fingerprint(EncoderConfig(model=model)).encode())
    weights = Path(model).with_suffix(".bin")
    if Path(model).suffix.lower() == ".xml" and weights.is_file():
        total.update(weights.read_bytes())
    return total.hexdigest()
