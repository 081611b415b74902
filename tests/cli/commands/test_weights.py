"""`reid-track weights`, with a test manifest and a local server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from reid_tracker import resources
from reid_tracker.cli.main import main
from reid_tracker.zoo import download
from tests.zoo.samples import archive, entry, sha256, write_manifest
from tests.zoo.server import Behaviour, serving

FILE = archive()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Behaviour]:
    monkeypatch.setattr(download, "BACK_OFF_S", 0.0)
    package = tmp_path / "site" / "reid_tracker"
    package.mkdir(parents=True)
    monkeypatch.setattr(resources, "_PACKAGE", package)
    folder = tmp_path / "site" / "weights"
    with serving(FILE) as behaviour:
        figures = {"COCO mAP50-95": 39.5}
        write_manifest(
            folder,
            entry("yolo_a", url=behaviour.url, rank=1, figures=figures, licence="AGPL-3.0"),
            entry("yolo_b", url=f"{behaviour.url}?b", rank=2),
            entry("own_osnet", task="encoder", sha256=sha256(FILE), rank=1, size_bytes=len(FILE)),
        )
        (folder / "own_osnet.pt").write_bytes(FILE)
        yield behaviour


def run(*words: str) -> int:
    return main(["weights", *words])


def test_list(server: Behaviour, own_downloads: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("list") == 0
    printed = capsys.readouterr().out
    row = next(line for line in printed.splitlines() if "yolo_a" in line)
    for text in ("not here", "AGPL-3.0", "COCO mAP50-95 39.5"):
        assert text in row
    row = next(line for line in printed.splitlines() if "own_osnet" in line)
    assert "shipped" in row
    assert row.startswith("*")  # what auto takes
    assert " 0.3 " in row
    assert str(own_downloads) in printed


def test_list_of_all_models_fits_100_columns(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    assert any(line.startswith("+") for line in lines)


def test_list_for_machines(server: Behaviour, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("pull", "yolo_a") == 0
    capsys.readouterr()
    assert run("list", "--json") == 0
    data = json.loads(capsys.readouterr().out)
    models = {item["name"]: item for item in data["models"]}
    assert models["yolo_a"]["where"] == "downloaded"
    assert Path(models["yolo_a"]["path"]).is_file()
    assert models["yolo_b"]["path"] is None
    assert models["own_osnet"]["where"] == "shipped"
    assert models["yolo_a"]["preprocessing"]["channels"] == "RGB"
    assert {"sha256", "size_bytes", "source", "licence", "figures"} <= models["yolo_a"].keys()


def test_pull_prints_paths_and_nothing_else(
    server: Behaviour, own_downloads: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("pull", "yolo_a", "own_osnet", "yolo_b") == 0
    captured = capsys.readouterr()
    shipped = resources.shipped("weights", "own_osnet.pt")
    paths = [own_downloads / "yolo_a.pt", shipped, own_downloads / "yolo_b.pt"]
    assert captured.out.splitlines() == [str(path) for path in paths]
    assert run("pull", "yolo_a", "--quiet") == 0
    assert capsys.readouterr().err == ""


def test_unknown_name_before_any_download(
    server: Behaviour, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("pull", "yolo_a", "yolo_c") == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "yolo_c" in line
    assert "did you mean" in line
    assert server.seen == []


def test_failed_download_is_one_line(server: Behaviour, capsys: pytest.CaptureFixture[str]) -> None:
    server.statuses = [404]
    assert run("pull", "yolo_a", "--quiet") == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("reid-track: error: yolo_a: could not be downloaded")


def test_verify(server: Behaviour, own_downloads: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("pull", "yolo_a")
    assert run("verify") == 0
    printed = capsys.readouterr().out
    assert "2 models on this machine, 0 wrong" in printed
    assert "pinned checksum" in printed
    (own_downloads / "yolo_a.pt").write_bytes(FILE[:-1])
    assert run("verify") == 1
    printed = capsys.readouterr().out
    assert "WRONG" in printed
    assert sha256(FILE) in " ".join(printed.split()).replace(" ", "")


def test_verify_of_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    package = tmp_path / "reid_tracker"
    package.mkdir()
    monkeypatch.setattr(resources, "_PACKAGE", package)
    write_manifest(tmp_path / "weights")
    assert run("verify") == 0
    assert "0 models" in capsys.readouterr().out


@pytest.mark.parametrize("words", [[], ["fetch"], ["pull"], ["list", "--yaml"]])
def test_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        run(*words)
    assert stop.value.code == 2
    assert "(see reid-track weights" in capsys.readouterr().err
