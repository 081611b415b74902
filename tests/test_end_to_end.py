"""The whole command line on real videos scores as the tracker does on cached detections."""

from __future__ import annotations

from pathlib import Path

import pytest

from reid_tracker.cli.main import main
from reid_tracker.track import build_tracker
from tests.benchmarks.mot_cached import SEQUENCES, CachedSequence, track
from tests.benchmarks.mot_scores import read_mot, score
from tests.conftest import shared

# PETS was recorded at 7 frames per second; the header of the clip says 30.
VIDEOS = {
    "PETS09-S2L1": ("data", "multicam", "PETS09-S2L1", "view001.mp4"),
    "TUD-Campus": ("data", "mot", "TUD-Campus", "img1"),
}

# 795 frames of the larger picture take a minute and more.
LENGTH = {"PETS09-S2L1": pytest.mark.long, "TUD-Campus": pytest.mark.slow}


@pytest.mark.shared
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "sequence",
    [pytest.param(one, id=one.name, marks=LENGTH[one.name]) for one in SEQUENCES],
)
def test_command_line_scores_as_the_cache(sequence: CachedSequence, tmp_path: Path) -> None:
    pytest.importorskip("trackeval")
    shared("data", "cache")
    video = shared(*VIDEOS[sequence.name])
    models = [
        "--detector",
        str(shared("weights", "yolo11n_int8_openvino_model")),
        "--encoder",
        str(shared("weights", "osnet_x0_25_msmt17.onnx")),
    ]
    options = ["-o", str(tmp_path), "--no-save-video", "--no-save-jsonl", "--quiet"]
    options += ["--fps", str(sequence.frame_rate)]
    assert main([str(video), *models, *options]) == 0
    (written,) = tmp_path.glob("*.txt")
    truth = read_mot(sequence.truth)
    from_video = score(truth, read_mot(written))
    from_cache = score(truth, track(sequence, build_tracker()))
    for metric in ("HOTA", "IDF1"):
        assert from_video[metric] == pytest.approx(from_cache[metric], abs=2.0)
