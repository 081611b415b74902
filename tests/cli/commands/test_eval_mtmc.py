"""`reid-track eval-mtmc`: input files, scores, and one-line errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reid_tracker.cli.main import run
from reid_tracker.errors import ConfigError, InputError, OutputError

TRUTH = "c1 1 0 10 10 40 90 0 0\nc1,1,1,10,10,40,90\n\n# a comment\nc2 1 0 10 10 40 90\n"
RESULT = "c1 7 0 10 10 40 90\nc1 7 1 10 10 40 90\nc2 8 0 10 10 40 90\n"


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    paths = tmp_path / "truth.txt", tmp_path / "result.txt"
    for path, text in zip(paths, (TRUTH, RESULT), strict=True):
        path.write_text(text)
    return paths


def test_scores_are_printed_and_saved(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("trackeval")
    output = tmp_path / "scores.json"
    words = [*map(str, files), "--save-json", str(output)]
    assert run(["eval-mtmc", *words]) == 0
    assert "IDF1" in capsys.readouterr().out
    scores = json.loads(output.read_text())
    assert scores["idf1"] == pytest.approx(2 / 3)
    assert scores["true_boxes"] == 3
    with pytest.raises(OutputError, match="exists already"):
        run(["eval-mtmc", *words])
    assert run(["eval-mtmc", *words, "--overwrite", "--quiet", "--matched-only", "c2"]) == 0


def test_files_and_cameras_that_are_not_there(files: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        run(["eval-mtmc", str(tmp_path / "none.txt"), str(files[1])])
    with pytest.raises(ConfigError, match="camera yard is not in"):
        run(["eval-mtmc", *map(str, files), "--matched-only", "yard"])


def test_a_run_s_folder_is_scored_against_a_truth_of_each_camera(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("trackeval")
    for name in ("truth/door.txt", "truth/yard.txt", "run/door_global.txt", "run/yard_global.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("1,7,10,10,40,90,1,-1,-1,-1\n")
    assert run(["eval-mtmc", str(tmp_path / "truth"), str(tmp_path / "run")]) == 0
    assert "1.000" in capsys.readouterr().out
