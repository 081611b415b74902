"""`reid-track calibrate`: from footage to a configuration that loads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from reid_tracker.cli.main import run
from reid_tracker.config import MatchConfig, load_config
from reid_tracker.errors import ConfigError, InputError, OutputError
from reid_tracker.types import Embeddings, ImageBGR
from reid_tracker.video.images import read_image
from tests.conftest import write_detections, write_video


class MeanColour:
    """The embedding is the mean colour of a box plus a little noise."""

    embedding_size = 3

    def encode_batch(
        self, images: Sequence[ImageBGR], boxes: Sequence[np.ndarray]
    ) -> list[Embeddings]:
        return [
            np.array([self._look(image, box) for box in here], np.float32).reshape(-1, 3)
            for image, here in zip(images, boxes, strict=True)
        ]

    def _look(self, image: ImageBGR, box: np.ndarray) -> np.ndarray:
        left, top, right, bottom = np.clip(box.astype(int), 0, 320)
        mean = image[top:bottom, left:right].reshape(-1, 3).mean(axis=0) + 1
        return np.asarray(mean / np.linalg.norm(mean))


@pytest.fixture
def footage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Arguments for a long walk of two people, and an encoder that needs no weights."""
    monkeypatch.setattr("reid_tracker.pipeline.build_encoder", lambda _: MeanColour())
    video = write_video(tmp_path / "walk.mp4", 600)
    detections = write_detections(tmp_path / "walk_det.txt", 600)
    return [str(video), "--detector", str(detections), "--encoder", "colour"]


@pytest.mark.slow
def test_thresholds_of_footage_are_a_configuration(footage: list[str], tmp_path: Path) -> None:
    output, plot = tmp_path / "site.yaml", tmp_path / "site.png"
    assert run(["calibrate", *footage, "--save", str(output), "--plot", str(plot)]) == 0
    assert read_image(plot).shape[1] > 600
    tracker, match = load_config(output).tracker, load_config(output).match
    assert match.tight is not None
    assert match.loose is not None
    assert tracker.max_cosine_distance == pytest.approx((match.tight + match.loose) / 2, abs=1e-4)
    assert tracker.high_confidence is None  # nobody hides another person
    found = match.thresholds()
    assert 0 < found.tight <= found.loose == found.revise_threshold < 1
    assert match.revise_threshold is not None
    assert match.min_hits == MatchConfig().min_hits
    for option, taken in (("--save", output), ("--plot", plot)):
        with pytest.raises(OutputError, match="exists already"):
            run(["calibrate", *footage, option, str(taken)])


@pytest.mark.slow
def test_without_a_file_thresholds_are_printed(
    footage: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["calibrate", *footage]) == 0
    printed = capsys.readouterr().out
    assert "match:\n  tight: " in printed
    assert "pairs of one person" in printed


@pytest.mark.slow
def test_too_little_footage_and_none_are_refused(footage: list[str]) -> None:
    with pytest.raises(InputError, match="expected at least 20"):
        run(["calibrate", *footage, "--set", "video.stride=20"])
    with pytest.raises(ConfigError, match="expected videos, or --labelled"):
        run(["calibrate"])
