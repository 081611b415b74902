from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reid_tracker.train.images import MemoryCrops, resize_image
from reid_tracker.train.teach import targets
from reid_tracker.train.teach.targets import ask, digest, pull_together, teach
from tests.train.samples import person

TEACHER = "osnet_x0_25"  # a published size by name: untrained, the same weights every time


def crops(count: int = 6) -> MemoryCrops:
    return MemoryCrops([resize_image(person(n // 2, n), (256, 128)) for n in range(count)])


@pytest.mark.slow
def test_targets_are_unit_rows_and_blind_to_mirroring() -> None:
    source = crops()
    mirrored = MemoryCrops(source.take(np.arange(6), (256, 128))[:, :, ::-1].copy())
    first, second = teach(TEACHER, source, range(6)), teach(TEACHER, mirrored, range(6))
    assert first.shape == (6, 512)
    assert np.allclose(np.linalg.norm(first, axis=1), 1, atol=1e-5)
    assert np.allclose(first, second, atol=1e-5)


def test_pull_against_its_definition() -> None:
    rows = np.random.default_rng(0).random((5, 4)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    labels = np.array([3, 1, 3, 1, 3])
    for pull in (0.0, 0.3, 1.0):
        found = pull_together(rows, labels, pull)
        for row, label in enumerate(labels):
            centre = rows[labels == label].sum(0)
            expected = (1 - pull) * rows[row] + pull * centre / np.linalg.norm(centre)
            assert np.allclose(found[row], expected / np.linalg.norm(expected), atol=1e-6)


def test_digest_follows_the_pixels() -> None:
    same, other = crops(), crops().take(np.arange(6), (256, 128))
    assert digest(same, range(6)) == digest(crops(8), range(6))
    assert digest(same, range(6)) != digest(same, range(5))
    other[3, 9, 9, 1] ^= 1
    assert digest(MemoryCrops(other), range(6)) != digest(same, range(6))


def test_answers_are_kept_by_teacher_and_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ask(TEACHER, crops(), range(6), tmp_path)
    monkeypatch.setattr(targets, "teach", lambda *_: np.ones((6, 2)))
    assert np.array_equal(ask(TEACHER, crops(), range(6), tmp_path), first)
    assert np.allclose(first, np.load(next(tmp_path.iterdir())), atol=1e-3)
    assert ask("osnet_ain_x0_25", crops(), range(6), tmp_path).shape == (6, 2)


def test_answers_of_a_changed_file_are_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The weights of an OpenVINO network are in a second file."""
    asked: list[str] = []

    def answer(model: str, *_: object) -> np.ndarray:
        asked.append(model)
        return np.ones((6, 2), np.float32)

    monkeypatch.setattr(targets, "teach", answer)
    monkeypatch.setattr("reid_tracker.encode.openvino_backend.stored_space", lambda _: None)
    model = tmp_path / "net.xml"
    model.write_text("<net/>")
    for weights in (b"1", b"1", b"2"):
        model.with_suffix(".bin").write_bytes(weights)
        ask(str(model), crops(), range(6), tmp_path / "answers")
    assert len(asked) == 2
