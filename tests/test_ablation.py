"""The program that trains the paper's ablation: what it plans, keeps and prints."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from reid_tracker.errors import InputError
from tests.benchmarks import ablation
from tests.benchmarks.ablation import NOT_RUN, RESULTS, Result, Run, append, read_results, table
from tests.conftest import shared
from tests.train.samples import IDENTITIES, write_cuhk03_crops


def result_of(run: Run, rank1: float = 50.0) -> Result:
    return Result(
        run.settings, run.row, run.seed, run.epochs, run.identities, rank1, mean_ap=40.0, seconds=9
    )


def test_plan_trains_the_telling_rows_first_and_more_often() -> None:
    runs = ablation.plan([9, 2, 1, 2], seeds=3, epochs=6, identities=100)
    assert [(run.row, run.seed) for run in runs] == [
        (1, 1),
        (9, 1),
        (2, 1),
        (1, 2),
        (9, 2),
        (1, 3),
        (9, 3),
    ]
    assert {(run.epochs, run.identities) for run in runs} == {(6, 100)}


def test_settings_tell_runs_apart() -> None:
    run = Run(row=1, seed=1, epochs=6, identities=100)
    others = [
        replace(run, row=2),
        replace(run, seed=2),
        replace(run, epochs=7),
        replace(run, identities=99),
    ]
    assert len({item.settings for item in (run, *others)}) == 5
    assert run.settings == Run(1, 1, 6, 100).settings


def test_results_are_read_back(tmp_path: Path) -> None:
    file = tmp_path / RESULTS
    assert read_results(file) == {}
    results = [result_of(Run(row, 1, 6, 100)) for row in (1, 9)]
    for result in results:
        append(result, file)
    assert read_results(file) == {result.settings: result for result in results}


def test_a_line_cut_off_by_a_kill_is_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The next result gets a line of its own, and the cut run is the only one lost."""
    file = tmp_path / RESULTS
    first, cut, last = (result_of(Run(row, 1, 6, 100)) for row in (1, 9, 5))
    append(first, file)
    with file.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(asdict(cut))[:30])
    append(last, file)
    assert file.read_bytes().endswith(b"}\n")
    assert read_results(file) == {first.settings: first, last.settings: last}
    assert "left out a damaged line" in capsys.readouterr().err


@pytest.mark.slow
def test_table_has_means_and_spreads_and_what_is_missing() -> None:
    runs = ablation.plan([1, 9], seeds=2, epochs=6, identities=100)
    first, second = (run for run in runs if run.row == 1)
    results = [result_of(first, 50.0), result_of(second, 52.0)]
    lines = table(runs, {result.settings: result for result in results}).splitlines()
    assert len(lines) == 4
    row1, row9 = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:])
    assert row1[:5] == ["1", ablation.ROWS[1].name, "2", "51.0 ± 1.4", "40.0 ± 0.0"]
    assert row9[:5] == ["9", "T=1", "0", NOT_RUN, NOT_RUN]
    assert row9[-1] == "86.5 / 67.7"
    # One stream has fewer weights than four.
    assert int(row9[5].replace(",", "")) < int(row1[5].replace(",", ""))


def test_one_run_has_no_spread() -> None:
    assert ablation.spread([50.04]) == "50.0"


def test_table_trains_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--output", str(tmp_path / "absent"), "--data", "nowhere", "--rows", "9", "--table"]
    assert ablation.main(words) == 0
    assert NOT_RUN in capsys.readouterr().out
    assert not (tmp_path / "absent").exists()


def test_data_without_people_to_find(tmp_path: Path) -> None:
    root = write_cuhk03_crops(tmp_path)
    with pytest.raises(InputError, match="no folder val/"):
        ablation.open_data(root, 2)
    write_cuhk03_crops(root, "val", first=50)
    with pytest.raises(InputError, match=f"expected 2 to {IDENTITIES}"):
        ablation.open_data(root, IDENTITIES + 1)
    assert ablation.open_data(root, 3).train.identity_count == 3


@pytest.mark.slow
@pytest.mark.shared
def test_a_finished_run_is_not_trained_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ablation, "TEACHER", str(shared("weights", "osnet_x0_25_msmt17.onnx")))
    root = write_cuhk03_crops(tmp_path / "data")
    write_cuhk03_crops(root, "val", first=50)
    words = ["--output", str(tmp_path / "runs"), "--data", str(root), "--rows", "9"]
    words += ["--seeds", "1", "--epochs", "1", "--identities", str(IDENTITIES)]
    assert ablation.main(words) == 0
    first_table = capsys.readouterr().out
    (result,) = read_results(tmp_path / "runs" / RESULTS).values()
    assert (result.row, result.seed, result.epochs, result.identities) == (9, 1, 1, IDENTITIES)
    assert 0 < result.mean_ap <= 100

    def refuse(*arguments: object) -> Result:
        raise AssertionError("trained again")

    monkeypatch.setattr(ablation, "train", refuse)
    assert ablation.main(words) == 0
    assert capsys.readouterr().out == first_table
