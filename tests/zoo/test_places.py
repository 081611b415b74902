"""Where models are, and which one "auto" takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from reid_tracker import zoo
from tests.zoo.samples import archive, entry, manifest_of, sha256

URL = "https://example.org/tiny.pt"


def test_folder_of_downloads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("REID_TRACKER_HOME", str(tmp_path / "mine"))
    assert zoo.download_folder() == tmp_path / "mine" / "weights"
    monkeypatch.delenv("REID_TRACKER_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert zoo.download_folder() == tmp_path / "cache" / "reid_tracker" / "weights"
    for ignored in ("", "relative"):
        monkeypatch.setenv("XDG_CACHE_HOME", ignored)
        assert zoo.download_folder() == tmp_path / ".cache" / "reid_tracker" / "weights"


def test_best_is_the_first_available_rank(tmp_path: Path, own_downloads: Path) -> None:
    manifest = manifest_of(
        tmp_path / "weights",
        entry("far", url=f"{URL}1", rank=9),
        entry("near", url=f"{URL}2", rank=2),
        entry("own", sha256=sha256(b"own"), rank=1),
        entry("unranked", url=f"{URL}3"),
        entry("other", url=f"{URL}4", rank=1, task="encoder"),
    )
    own_downloads.mkdir(parents=True)
    assert zoo.best("detector", manifest) is None  # the shipped file is absent
    (own_downloads / "unranked.pt").write_bytes(archive())
    (own_downloads / "other.pt").write_bytes(archive())
    assert zoo.best("detector", manifest) is None
    for name in ("far", "near"):
        (own_downloads / f"{name}.pt").write_bytes(archive())
        found = zoo.best("detector", manifest)
        assert found is not None
        assert (found[0].name, found[1]) == (name, own_downloads / f"{name}.pt")
    (tmp_path / "weights" / "own.pt").write_bytes(b"own")
    found = zoo.best("detector", manifest)
    assert found is not None
    assert found[1] == tmp_path / "weights" / "own.pt"
    assert zoo.locate(manifest.get("own"), manifest) == found[1]


def test_cpu_form_is_skipped_if_there_is_a_gpu(tmp_path: Path) -> None:
    manifest = manifest_of(
        tmp_path / "weights",
        entry("fast", sha256=sha256(b"fast"), rank=1, cpu_form=True),
        entry("plain", sha256=sha256(b"plain"), rank=2),
    )
    for name in ("fast", "plain"):
        (tmp_path / "weights" / f"{name}.pt").write_bytes(name.encode())
    names = [
        None if found is None else found[0].name
        for found in (
            zoo.best("detector", manifest),
            zoo.best("detector", manifest, on_cpu=False),
        )
    ]
    assert names == ["fast", "plain"]


def test_part_of_a_download_does_not_count(tmp_path: Path, own_downloads: Path) -> None:
    manifest = manifest_of(tmp_path, entry(url=URL, rank=1))
    own_downloads.mkdir(parents=True)
    (own_downloads / "tiny.pt.part").write_bytes(archive())
    assert zoo.locate(manifest.get("tiny"), manifest) is None
    assert zoo.best("detector", manifest) is None


def test_advice_names_better_models_until_they_are_downloaded(
    tmp_path: Path, own_downloads: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = [
        entry(f"small_{task}", task=task, sha256="0" * 64, rank=5, better=f"big_{task}")
        for task in ("detector", "encoder")
    ]
    better = entry("big_detector", url="https://example.org/big.pt", rank=1)
    manifest = manifest_of(tmp_path, *shipped, better)
    monkeypatch.setattr("reid_tracker.zoo.places.load_manifest", lambda: manifest)
    for one in shipped:
        (tmp_path / one["file"]).touch()
    both = {"detector": "auto", "encoder": "auto"}
    assert str(zoo.advice(both)).endswith("reid-track weights pull big_detector big_encoder")
    rest = zoo.advice({**both, "detector": "mine.pt"})
    assert str(rest).endswith("reid-track weights pull big_encoder")
    own_downloads.mkdir(parents=True, exist_ok=True)
    (own_downloads / "big_detector.pt").touch()
    assert zoo.advice(both) == rest
    assert zoo.advice({"detector": "mine.pt", "encoder": "none"}) is None


def test_advice_of_the_shipped_manifest_can_be_followed() -> None:
    manifest = zoo.load_manifest()
    for one in manifest.entries:
        if one.better is not None:
            better = manifest.get(one.better)
            assert (one.shipped, better.shipped, better.task) == (True, False, one.task)
            assert (better.rank or 2**63) < (one.rank or 0)
