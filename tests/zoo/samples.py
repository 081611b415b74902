"""Manifests and files that stand in for models."""

from __future__ import annotations

import hashlib
import io
import random
import zipfile
from pathlib import Path
from typing import Any

import yaml

from reid_tracker.zoo import Manifest, load_manifest


def archive(size: int = 300_000, seed: int = 0) -> bytes:
    """Return a zip file of about `size` bytes, of which a checkpoint cannot be told by its form."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as file:
        info = zipfile.ZipInfo("model/data.pkl", date_time=(2020, 1, 1, 0, 0, 0))
        file.writestr(info, random.Random(seed).randbytes(size))  # noqa: S311 - of a fixed seed
    return memory.getvalue()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def entry(name: str = "tiny", **more: Any) -> dict[str, Any]:
    """Return the mapping of one sound entry of the manifest."""
    return {
        "name": name,
        "task": "detector",
        "file": f"{name}.pt",
        "source": "this test",
        "licence": "none",
        **more,
    }


def write_manifest(folder: Path, *entries: dict[str, Any]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "manifest.yaml"
    path.write_text(yaml.safe_dump({"models": list(entries)}), encoding="utf-8")
    return path


def manifest_of(folder: Path, *entries: dict[str, Any]) -> Manifest:
    return load_manifest(write_manifest(folder, *entries))
