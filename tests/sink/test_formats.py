"""Adding an output format is one entry: a toy format, made as CONTRIBUTING describes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TextIO

import pytest

from reid_tracker.cli.commands import edge, track
from reid_tracker.cli.options import to_config
from reid_tracker.cli.parser import Parser
from reid_tracker.config import OutputConfig
from reid_tracker.errors import ConfigError
from reid_tracker.sink import (
    FORMATS,
    OutputFormat,
    SinkGroup,
    finish_texts,
    open_shared_sinks,
    open_sinks,
    output_paths,
)
from reid_tracker.sink.files import TextSink
from reid_tracker.types import FrameResult
from tests.sink.results import INFO, LAST, RUN

NOTHING = OutputConfig(video=False, mot=False, jsonl=False, mosaic=False, pictures=False)
TOY = OutputConfig(video=False, mot=False, mosaic=False, pictures=False, extra=("toy",))


class ToySink(TextSink):
    """Writes one line `FRAME TRACK` for each box."""

    def write(self, result: FrameResult) -> None:
        self.append("".join(f"{result.frame.index} {one}\n" for one in result.tracks.ids.tolist()))


def copy_toy(lines: Iterable[str], identity_of: Callable[[int], int], file: TextIO) -> None:
    for line in lines:
        frame, track = line.split()
        file.write(f"{frame} {identity_of(int(track))}\n")


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> OutputFormat:
    made = OutputFormat(
        "toy",
        "toy lines",
        suffix=".toy",
        open_own=lambda path, camera, run: ToySink(path, overwrite=run.overwrite),
        copy=copy_toy,
    )
    monkeypatch.setitem(FORMATS, "toy", made)
    return made


@pytest.mark.usefixtures("toy")
def test_a_toy_format_is_opened_copied_refused_and_repaired(tmp_path: Path) -> None:
    cameras = {"door": INFO, "hall": INFO}
    own = {camera: SinkGroup(open_sinks(tmp_path, TOY, INFO, camera)) for camera in cameras}
    shared = open_shared_sinks(tmp_path, TOY, cameras, lambda camera: False)
    for result in RUN:
        own[result.camera].write(result)
        shared.write(result)
    shared.write_events(LAST)
    for sinks in (*own.values(), shared):
        sinks.close()
    assert (tmp_path / "door.toy").read_text() == "0 1\n0 2\n1 1\n1 2\n"
    final = tmp_path / "door_global.toy"
    assert final.read_text() == "0 1\n0 0\n1 1\n1 0\n"
    assert {tmp_path / "door.toy", final} <= set(output_paths(tmp_path, cameras))
    final.unlink()
    assert final in finish_texts(tmp_path)
    assert final.read_text() == "0 1\n0 0\n1 1\n1 0\n"


def test_an_unknown_extra_format_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"output\.extra = toy: no such .* known: video, mot"):
        open_sinks(tmp_path, TOY, INFO, "cam")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_has_a_key_or_is_an_extra(name: str) -> None:
    one = FORMATS[name]
    assert one.name == name
    assert one.open_own or one.open_shared
    assert bool(one.suffix) == bool(one.open_own)
    assert bool(one.shared_name) == bool(one.open_shared)
    assert one.key == f"output.{name}"
    assert not one.is_wanted(NOTHING)


@pytest.mark.usefixtures("toy")
def test_the_option_of_a_toy_format_reaches_the_configuration() -> None:
    for command in (track, edge):
        parser = Parser(command.add_arguments, prog="reid-track").filled()
        assert "toy lines" in parser.format_help()
        arguments = parser.parse_args(["door.mp4", "--save-toy", "--no-save-csv"])
        output = to_config(arguments).output
        assert (output.extra, output.csv, output.jsonl) == (("toy",), False, True)


def test_paths_cover_own_shared_and_final_files(tmp_path: Path) -> None:
    names = {path.name for path in output_paths(tmp_path, ["a b"])}
    assert names == {
        *("a_b.mp4", "a_b.txt", "a_b.jsonl", "a_b.csv", "a_b_crops", "a_b_heatmap.png"),
        *("a_b_global.txt", "a_b_global.jsonl", "a_b_global.csv"),
        *("counts.jsonl", "counts.csv", "counts_summary.csv"),
        *("counts_refined.jsonl", "counts_refined.csv", "counts_refined_summary.csv"),
        *("a_b_refined.txt", "a_b_refined.json"),
        *("identities.jsonl", "crops", "sightings.parquet", "mosaic.mp4"),
    }
