"""Manifests and files that stand in for models."""

from __future__ import annotations

import hashlib
import io
import random
import socket
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from reid_tracker import zoo
from reid_tracker.errors import ConfigError, WeightsError
from reid_tracker.zoo import Manifest, load_manifest
from tests.zoo.server import Behaviour


def archive(size: int = 300_000, seed: int = 0) -> bytes:
    """Return a zip file of about `size` bytes with the form of a checkpoint."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as file:
        info = zipfile.ZipInfo("model/data.pkl", date_time=(2020, 1, 1, 0, 0, 0))
        file.writestr(info, random.Random(seed).randbytes(size))  # noqa: S311 - of a fixed seed
    return memory.getvalue()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def entry(name: str = "tiny", **more: Any) -> dict[str, Any]:
    """Return the mapping of a valid entry of the manifest."""
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


FILE = archive()
URL = "https://example.org/tiny.pt"


def refuses(path: Path, *fragments: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_manifest(path)
    message = str(caught.value)
    assert "\n" not in message
    for fragment in fragments:
        assert fragment in message


class Case:
    """One entry, and pulling it."""

    def __init__(self, folder: Path, downloads: Path, url: str, **more: Any) -> None:
        self.manifest = manifest_of(folder / "shipped", entry(url=url, **more))
        self.path = downloads / self.manifest.entries[0].file
        self.part = self.path.with_name(f"{self.path.name}.part")

    def pull(self, progress: zoo.DownloadProgress | None = None) -> Path:
        return zoo.pull("tiny", progress, self.manifest)

    def refuses(self, *fragments: str) -> None:
        with pytest.raises(WeightsError) as caught:
            self.pull()
        message = str(caught.value)
        assert "\n" not in message
        for fragment in ("tiny", *fragments):
            assert fragment in message, message
        assert not self.path.exists()

    @property
    def left(self) -> set[str]:
        """Names of the files next to the model, without the locks."""
        names = {path.name for path in self.path.parent.iterdir()}
        return names - {f".{self.path.name}.lock", ".pins.json.lock"}


def checked(tmp_path: Path, downloads: Path, server: Behaviour, **more: Any) -> Case:
    return Case(tmp_path, downloads, server.url, sha256=sha256(FILE), **more)


def closed_url() -> str:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{unused.getsockname()[1]}/model.pt"
