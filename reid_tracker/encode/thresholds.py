"""Distance thresholds that suit an encoder."""

from __future__ import annotations

from pathlib import Path

from reid_tracker import zoo
from reid_tracker.config import EncoderConfig, Thresholds
from reid_tracker.encode.build import resolve_model
from reid_tracker.encode.fingerprint import model_fingerprint


def encoder_thresholds(config: EncoderConfig, resolved: EncoderConfig | None = None) -> Thresholds:
    """Return the thresholds of the weights manifest for an encoder, or the defaults.

    A model of the manifest is recognised by its name, and by its file in any place; an export of it
    by the space that it names.

    Args:
        config: the encoder.
        resolved: what `resolve_model` returns for it, where that is known already.

    Raises:
        WeightsError: the model is not on this machine, or cannot be read.
    """
    resolved = resolved or resolve_model(config)
    entry = zoo.recognise(config.model, Path(resolved.model), "encoder")
    if entry is None:
        return space_thresholds(model_fingerprint(resolved))
    return Thresholds() if entry.thresholds is None else entry.thresholds


def space_thresholds(space: str) -> Thresholds:
    """Return the thresholds of the weights manifest for an embedding space, or the defaults."""
    for entry in zoo.load_manifest().of_task("encoder"):
        if entry.space == space and entry.thresholds is not None:
            return entry.thresholds
    return Thresholds()
