"""`reid-track eval-mot`: inputs, scores, output files, and one-line errors."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from reid_tracker.cli.main import main, run
from reid_tracker.errors import ConfigError, InputError, MissingDependencyError


def test_rules_can_be_chosen(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        run(
            [*["eval-mot", str(world / "gt"), str(world / "results" / "t")], "--benchmark", "MOT15"]
        )
        == 0
    )
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


def test_a_run_without_trackeval_does_not_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trackeval.metrics", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'reid-tracker\[eval\]'"):
        run(["eval-mot", "--run", "nowhere"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["gt"], "there is no result for gt; expected GT... RESULT..., or --run GT..."),
        (
            ["gt", "found", "--encoder", "x.onnx"],
            "options for models, --output and --no-cache have",
        ),
        (["gt", "found", "--no-cache"], "options for models, --output and --no-cache have"),
        (["gt", "found", "-o", "runs"], "options for models, --output and --no-cache have"),
        (
            ["gt", "found", "--set", "tracker.max_age_s=2"],
            "have no effect without --run; add --run",
        ),
    ],
)
def test_slips_in_the_command_line(options: list[str], message: str) -> None:
    pytest.importorskip("trackeval")
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
        run(["eval-mot", str(world / "gt"), str(world / "results" / "t")])
    result = world / "results" / "t" / "data" / "one.txt"
    result.write_text("13,1,0,0,9,9,1\n")
    assert main(["eval-mot", str(world / "gt" / "one"), str(result)]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "line 1: frame 13: frames count from 1 to 12" in error
