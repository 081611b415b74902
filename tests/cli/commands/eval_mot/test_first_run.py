"""`reid-track eval-mot --run`: the tracker runs over the sequences first."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reid_tracker.cli.main import run
from reid_tracker.errors import ConfigError, InputError
from tests.conftest import write_detections


@pytest.mark.slow
def test_run_tracks_the_sequences_first(
    walkers: tuple[Path, Path],
    world: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    video, _ = walkers
    sequence = world / "gt" / "one"
    detections = write_detections(world / "boxes.txt")
    truth = [
        text.replace(",-1,", f",{row % 2 + 1},").replace(",0.9", ",1")
        for row, text in enumerate(detections.read_text().splitlines())
    ]
    (sequence / "gt" / "gt.txt").write_text("".join(f"{line}\n" for line in truth))
    (sequence / "seqinfo.ini").write_text("[Sequence]\nseqLength=40\nframeRate=10\n")
    options = ["--detector", str(detections), "--encoder", "none", "-o", str(world / "run")]
    with pytest.raises(ConfigError, match="sequence one has no folder img1; name its video with"):
        run(["eval-mot", "--run", str(sequence), *options])
    with pytest.raises(ConfigError, match="--video three=x: expected SEQUENCE=FILE, with a seq"):
        run(["eval-mot", "--run", str(sequence), *options, "--video", "three=x"])
    json_file = world / "scores.json"
    options += ["--video", str(video), "--save-json", str(json_file)]
    assert run(["eval-mot", "--run", str(sequence), *options]) == 0
    found = json.loads(json_file.read_text())
    assert found["combined"]["idf1"] > 0.8  # three frames confirm a track
    assert Path(found["sequences"]["one"]["result"]).parent == world / "run" / "one"
    assert [path.suffix for path in (world / "run" / "one").iterdir()] == [".txt"]

    # The models do not run again, except with --no-cache.
    def no_models(config: object) -> None:
        raise InputError("the models run")

    monkeypatch.setattr("reid_tracker.run.found.build_detector", no_models)
    assert run(["eval-mot", "--run", str(sequence), *options, "--overwrite"]) == 0
    assert json.loads(json_file.read_text()) == found
    with pytest.raises(InputError, match="the models run"):
        run(["eval-mot", "--run", str(sequence), *options, "--overwrite", "--no-cache"])
    # Its folder can be scored again.
    capsys.readouterr()
    assert run(["eval-mot", str(sequence), str(world / "run")]) == 0
    assert f"{100 * found['combined']['hota']:.1f}" in capsys.readouterr().out
