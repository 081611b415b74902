"""`reid-track eval-mot`: folders and files in, scores and files out, and errors of one line."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from reid_tracker.cli.main import main, run
from reid_tracker.errors import ConfigError, InputError, OutputError
from tests.conftest import write_detections
from tests.evaluate.mot.worlds import write_sequence


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """A folder with the sequences one and two, and their results."""
    pytest.importorskip("trackeval")
    for seed, name in enumerate(("one", "two")):
        write_sequence(tmp_path, name, seed)
    return tmp_path


def words(world: Path) -> list[str]:
    return ["eval-mot", str(world / "gt"), str(world / "results" / "t")]


def test_scores_of_each_sequence_and_of_all(
    world: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = world / "scores.csv", world / "scores.json"
    options = ["--save-csv", str(saved[0]), "--save-json", str(saved[1])]
    assert run([*words(world), *options]) == 0
    printed = capsys.readouterr().out
    assert [line.split()[0] for line in printed.splitlines()] == [
        "rules", "sequence", "one", "two", "COMBINED",
    ]  # fmt: skip
    rows = {row["sequence"]: row for row in csv.DictReader(saved[0].open())}
    assert list(rows) == ["one", "two", "COMBINED"]
    assert rows["one"]["benchmark"] == "MOT17"
    found = json.loads(saved[1].read_text())
    for name, row in rows.items():
        scores = found["combined"] if name == "COMBINED" else found["sequences"][name]["scores"]
        assert float(row["hota"]) == scores["hota"]
        assert f" {100 * scores['hota']:.1f} " in printed
        assert sum(scores["hota_by_iou"]) / 19 == pytest.approx(scores["hota"])
    one = found["sequences"]["one"]
    assert len(one["switches"]) == one["scores"]["switches"] > 0
    assert len(one["fragments"]) == one["scores"]["fragments"]
    assert {"person", "first", "last"} == set(one["losses"][0])
    with pytest.raises(OutputError, match="exists already"):
        run([*words(world), *options])
    before = saved[1].read_bytes()
    assert run([*words(world), *options, "--overwrite", "--quiet"]) == 0
    assert saved[1].read_bytes() == before


def test_rules_can_be_chosen(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*words(world), "--benchmark", "MOT15"]) == 0
    assert "rules of MOT15" in capsys.readouterr().out


def test_truths_come_before_results(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truths = [world / "gt" / name for name in ("two", "one")]
    folder = world / "results" / "t" / "data"
    files = [folder / f"{name}.txt" for name in ("two", "one")]
    plain = [world / f"{name}_gt.txt" for name in ("two", "one")]
    for path, truth in zip(plain, truths, strict=True):
        path.write_text((truth / "gt" / "gt.txt").read_text())
    tables = []
    for paths in ([*truths, folder], [*truths, *files], [*plain, *files]):
        assert run(["eval-mot", *map(str, paths)]) == 0
        tables.append(capsys.readouterr().out.replace("_gt", "").split())
    assert tables[0] == tables[1] == tables[2]


def test_a_run_s_folder_is_scored(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = world / "run"
    folder.mkdir()
    (folder / "video.txt").write_text((world / "results" / "t" / "data" / "one.txt").read_text())
    (folder / "video.jsonl").write_text("")
    assert run(["eval-mot", str(world / "gt" / "one" / "gt" / "gt.txt"), str(folder)]) == 0
    assert "one" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["gt"], "no result of gt is given; expected GT... RESULT..., or --run GT..."),
        (["gt", "found", "--encoder", "x.onnx"], "options about models and --output are for a run"),
        (["gt", "found", "-o", "runs"], "options about models and --output are for a run"),
        (["gt", "found", "--set", "tracker.max_age_s=2"], "are for a run: add --run"),
    ],
)
def test_slips_in_the_command_line(options: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        run(["eval-mot", *options])
    assert message in str(caught.value)


def test_a_truth_without_anybody_to_find_is_warned_of(
    world: Path, caplog: pytest.LogCaptureFixture
) -> None:
    result = world / "results" / "t" / "data" / "one.txt"
    assert run(["eval-mot", str(result), str(result)]) == 0
    assert "column 7 is below 1 in all" in caplog.text


def test_files_that_do_not_fit(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (world / "results" / "t" / "data" / "two.txt").unlink()
    with pytest.raises(InputError, match="no result of two in"):
        run(words(world))
    result = world / "results" / "t" / "data" / "one.txt"
    result.write_text("13,1,0,0,9,9,1\n")
    assert main(["eval-mot", str(world / "gt" / "one"), str(result)]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "line 1: frame 13: frames count from 1 to 12" in error


@pytest.mark.slow
def test_run_tracks_the_sequences_first(
    walkers: tuple[Path, Path], world: Path, capsys: pytest.CaptureFixture[str]
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
    with pytest.raises(ConfigError, match="sequence one has no folder img1: name its video with"):
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
    # Its folder can be scored again.
    capsys.readouterr()
    assert run(["eval-mot", str(sequence), str(world / "run")]) == 0
    assert f"{100 * found['combined']['hota']:.1f}" in capsys.readouterr().out
