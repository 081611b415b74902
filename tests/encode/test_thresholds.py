"""A model brings its own distances, by whichever name or path it is called."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from reid_tracker.config import Config, DeepSortConfig, EncoderConfig, MatchConfig, Thresholds
from reid_tracker.encode import encoder_thresholds
from tests.zoo.samples import entry, manifest_of, sha256

OWN = {"max_cosine_distance": 0.12, "loose": 0.2}


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that the manifest knows, with thresholds."""
    content = b"\x08" + b"model" * 10
    path = tmp_path / "tiny.onnx"
    path.write_bytes(content)
    known = entry(
        task="encoder",
        file="tiny.onnx",
        sha256=sha256(content),
        size_bytes=len(content),
        thresholds=OWN,
    )
    manifest = manifest_of(tmp_path, known)
    monkeypatch.setattr("reid_tracker.zoo.places.load_manifest", lambda: manifest)
    return path


def test_a_model_is_known_by_name_and_by_file(model: Path, tmp_path: Path) -> None:
    copy = shutil.copy(model, tmp_path / "renamed.onnx")
    for name in ("tiny", str(model), str(copy)):
        assert encoder_thresholds(EncoderConfig(model=name)) == Thresholds(**OWN)


def test_another_file_of_the_same_size_has_the_defaults(model: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.pth"
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1  # of a weight
    other.write_bytes(content)
    for name in (str(other), "osnet_x0_25"):
        assert encoder_thresholds(EncoderConfig(model=name)) == Thresholds()


def test_what_the_user_sets_comes_first() -> None:
    config = Config(tracker=DeepSortConfig(max_cosine_distance=0.4), match=MatchConfig(loose=0.5))
    suited = config.suited_to(Thresholds(max_cosine_distance=0.1, loose=0.2, tight=0.15))
    assert suited.tracker.max_cosine_distance == 0.4
    assert (suited.match.loose, suited.match.tight) == (0.5, 0.15)
    assert suited.match.thresholds().margin == Thresholds().margin
    assert suited.suited_to(Thresholds()) == suited
    assert Config().suited_to(Thresholds()).tracker.thresholds() == DeepSortConfig().thresholds()
