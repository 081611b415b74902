"""A model's fingerprint follows its weights, not its place."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from reid_tracker.config import EncoderConfig
from reid_tracker.encode.fingerprint import model_fingerprint
from reid_tracker.errors import WeightsError


def test_it_is_the_hash_of_the_file(tmp_path: Path) -> None:
    first, second = tmp_path / "a.onnx", tmp_path / "b.onnx"
    for path in (first, second):
        path.write_bytes(b"weights")
    expected = hashlib.sha256(b"weights").hexdigest()
    assert model_fingerprint(EncoderConfig(model=str(first))) == expected
    assert model_fingerprint(EncoderConfig(model=str(second))) == expected
    second.write_bytes(b"others")
    assert model_fingerprint(EncoderConfig(model=str(second))) != expected


def test_models_without_a_file_are_known_by_name() -> None:
    found = {model_fingerprint(EncoderConfig(model=name)) for name in ("osnet_x0_25", "timm:x")}
    assert hashlib.sha256(b"osnet_x0_25").hexdigest() in found
    assert len(found) == 2


def test_a_model_that_is_not_here_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reid_tracker.zoo.locate", lambda entry, manifest: None)
    with pytest.raises(WeightsError, match="weights pull osnet_x1_0_msmt17"):
        model_fingerprint(EncoderConfig(model="osnet_x1_0_msmt17"))
