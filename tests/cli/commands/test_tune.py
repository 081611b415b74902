"""`reid-track tune`: from sequences to a configuration for the tracker."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from reid_tracker.cli.main import run
from reid_tracker.config import load_config
from reid_tracker.errors import ConfigError, MissingDependencyError, OutputError
from tests.conftest import write_detections, write_video


@pytest.fixture
def sequences(tmp_path: Path) -> list[str]:
    """Three sequences of two walkers, of different lengths; the arguments of a search."""
    pytest.importorskip("trackeval")
    pytest.importorskip("optuna")
    boxes = write_detections(tmp_path / "boxes.txt")
    words = [str(tmp_path / "mot"), "--detector", str(boxes), "--encoder", "none"]
    for number, length in enumerate((10, 11, 12)):
        folder = tmp_path / "mot" / f"walk-{number}"
        (folder / "gt").mkdir(parents=True)
        (folder / "seqinfo.ini").write_text(f"[Sequence]\nseqLength={length}\nframeRate=10\n")
        rows = write_detections(tmp_path / "truth.txt", length).read_text().splitlines()
        truth = [
            text.replace(",-1,", f",{row % 2 + 1},").replace(",0.9", ",1")
            for row, text in enumerate(rows)
        ]
        (folder / "gt" / "gt.txt").write_text("".join(f"{line}\n" for line in truth))
        words += ["--video", f"walk-{number}={write_video(folder / 'walk.mp4', length)}"]
    return words


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "trials.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_a_search_writes_a_configuration_that_gives_its_scores(
    sequences: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "tuned"
    words = ["tune", *sequences, "-o", str(folder), "--set", "tracker.confirm_first=false"]
    assert run([*words, "--trials", "4"]) == 0
    shown = capsys.readouterr().out
    assert "held out: HOTA" in shown
    assert "tuned/best.yaml" in shown.replace("\n", "")
    first = rows_of(folder)
    assert run([*words, "--trials", "6"]) == 0  # continues
    rows = rows_of(folder)
    timeless = [{**row, "updates_per_s": "", "front": ""} for row in rows]
    for one, other in zip(first, timeless, strict=False):
        kept = {**one, "updates_per_s": "", "front": ""}
        assert {name: kept[name] for name in kept if not name.startswith("held_out")} == {
            name: other[name] for name in other if not name.startswith("held_out")
        }
    assert len(rows) == 6
    sums = [float(row["hota"]) + float(row["idf1"]) for row in rows]
    best = sums.index(max(sums))
    assert rows[best]["front"] == "1"
    assert rows[best]["held_out_hota"]
    # eval-mot finds the same with that configuration.
    scores = tmp_path / "scores.csv"
    config = ["--config", str(folder / "best.yaml"), "--save-csv", str(scores)]
    evaluated = [f"{sequences[0]}/walk-{number}" for number in range(2)]
    videos = sequences[5:9]
    out = ["-o", str(tmp_path / "evaluated")]
    assert run(["eval-mot", "--run", *evaluated, *config, *videos, *out]) == 0
    with scores.open() as file:
        combined = list(csv.DictReader(file))[-1]
    assert float(combined["hota"]) == float(rows[best]["hota"])
    assert float(combined["idf1"]) == float(rows[best]["idf1"])
    tuned = load_config(folder / "best.yaml")
    assert tuned.encoder.model == "none"
    assert tuned.tracker.n_init == int(rows[best]["n_init"])


@pytest.mark.slow
def test_a_folder_of_something_else_is_left_alone(sequences: list[str], tmp_path: Path) -> None:
    (tmp_path / "best.yaml").write_text("mine")
    with pytest.raises(OutputError, match=r"best\.yaml exists already"):
        run(["tune", *sequences, "-o", str(tmp_path)])
    assert (tmp_path / "best.yaml").read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--trials", "0"], "--trials 0: expected a whole number from 1"),
        (["--seed", "-1"], "--seed -1: expected a whole number from 0"),
        (["--only", "n_int"], "--only n_int: unknown option; expected some of"),
        (["--video", "walk-9=x.mp4"], "--video walk-9=x.mp4: expected SEQUENCE=FILE"),
        (
            ["--hold-out", "walk-9"],
            "--hold-out walk-9: unknown sequence; expected one of walk-0, walk-1",
        ),
    ],
)
@pytest.mark.slow
def test_mistakes_are_one_line(sequences: list[str], words: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        run(["tune", *sequences, *words])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_optuna_is_optional(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("trackeval")
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'reid-tracker\[tune\]'"):
        run(["tune", "nowhere"])
