"""Distance thresholds that suit an encoder."""

from __future__ import annotations

from pathlib import Path

from reid_tracker import zoo
from reid_tracker.config import EncoderConfig, Thresholds
from reid_tracker.encode.build import resolve_model
from reid_tracker.zoo.content import content_of


def encoder_thresholds(config: EncoderConfig) -> Thresholds:
    """Return the thresholds of the weights manifest for an encoder, or the defaults.

    A model of the manifest is recognised by its name, and by its file in any place.

    Raises:
        WeightsError: the model is not on this machine, or cannot be read.
    """
    manifest = zoo.load_manifest()
    named = manifest.known(config.model, "encoder")
    path = Path(resolve_model(config).model)
    for entry in manifest.of_task("encoder"):
        if entry.thresholds is None:
            continue
        if entry is named or (entry.sha256 is not None and _is(path, entry)):
            return entry.thresholds
    return Thresholds()


def space_thresholds(space: str) -> Thresholds:
    """Return the thresholds of the weights manifest for an embedding space, or the defaults."""
    for entry in zoo.load_manifest().of_task("encoder"):
        if entry.space == space and entry.thresholds is not None:
            return entry.thresholds
    return Thresholds()


def _is(path: Path, entry: zoo.Entry) -> bool:
    """Whether a file is that of an entry; files of another size are not read."""
    if not path.is_file() or path.stat().st_size != entry.size_bytes:
        return False
    return content_of(path).sha256 == entry.sha256
