"""Embedding spaces: embeddings of the same model are comparable, whatever its file format.

The manifest names the space of a model. A model that is not listed has its own space, named by the
SHA-256 of its checkpoint.
"""

from __future__ import annotations

import functools

from reid_tracker.zoo.manifest import load_manifest


def space_of(fingerprint: str) -> str:
    """Return the embedding space of a model's fingerprint.

    Galleries and hosts of earlier versions name a model by the hash of its file. For hashes in the
    manifest this returns their space; any other text is returned unchanged.
    """
    return _by_hash().get(fingerprint, fingerprint)


def known_spaces() -> list[str]:
    """Return the spaces of the manifest, sorted."""
    return sorted(set(_by_hash().values()))


@functools.cache
def _by_hash() -> dict[str, str]:
    entries = load_manifest().entries
    return {one.sha256: one.space for one in entries if one.sha256 and one.space}
