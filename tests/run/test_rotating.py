"""Files of a camera host: identities as they come, finished later, begun anew, failing alone."""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import shutil
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from reid_tracker.config import EdgeConfig, OutputConfig
from reid_tracker.edge import EdgeOutputs, KnownIdentities
from reid_tracker.errors import OutputError
from reid_tracker.types import FrameResult, VideoInfo
from tests.conftest import Clock
from tests.run.test_known import said
from tests.sink.results import make_result, make_tracks

START_S = 1_764_000_000.0  # 2025-11-24T16:00:00Z
TEXTS = OutputConfig(video=False, csv=True)


class StubSource:
    """As much of a source as outputs ask for."""

    info = VideoInfo(64, 48, Fraction(10))

    def __init__(self, name: str = "door", live: bool = True) -> None:
        self.name, self.live = name, live


class World:
    """Outputs on a clock that the test sets."""

    def __init__(
        self, folder: Path, output: OutputConfig = TEXTS, names: str = "door", **edge: Any
    ) -> None:
        self.clock = Clock(100.0)
        self.known = KnownIdentities("e1", "b1", 3600.0, clock=self.clock)
        self.folder = folder
        self.outputs = EdgeOutputs(
            *(folder, output, EdgeConfig(**{"settle_s": 15.0, "rotate_h": 1.0, **edge})),
            self.known,
            clock=self.clock,
            utc=lambda: START_S + self.clock.now_s - 100.0,
        )
        self.outputs.begin([StubSource(name) for name in names.split()])  # type: ignore[misc]
        self.frame = 0

    def show(self, *tracks: int, camera: str = "door") -> None:
        """A frame a second."""
        boxes = [[5.0 + 12 * k, 7, 15 + 12 * k, 40] for k in range(len(tracks))]
        made = make_tracks(list(tracks), boxes)
        made = dataclasses.replace(made, observed=np.ones(len(tracks), np.bool_))
        result: FrameResult = make_result(self.frame, made, camera=camera)
        frame = dataclasses.replace(result.frame, captured_s=START_S + self.frame)
        self.outputs.write(dataclasses.replace(result, frame=frame))
        self.frame += 1

    def later(self, seconds: float) -> None:
        self.clock.now_s += seconds
        self.outputs.tick()

    def folders(self) -> list[str]:
        return sorted(os.listdir(self.folder))


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def who(path: Path) -> list[list[int | None]]:
    """Return the identities in each line of a JSON lines file."""
    return [[track["identity"] for track in line["tracks"]] for line in lines(path)]


def test_rows_have_identities_as_they_come_and_final_ones_at_the_end(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.show(1, 2)
    world.known.take(said(1, "new", 7, 1))
    world.show(1, 2)
    world.known.take(said(2, "new", 8, 2))
    world.show(1, 2, 3)
    world.known.take(said(3, "merge", 7, 2, previous=(8,)))
    world.outputs.close()
    folder = tmp_path / "20251124T160000Z"
    assert who(folder / "door.jsonl") == [[None, None], [7, None], [7, 8, None]]
    assert who(folder / "door_global.jsonl") == [[None, 7], [None, 7], [None, 7, None]]
    assert [line["captured_s"] for line in lines(folder / "door.jsonl")] == [
        START_S,
        START_S + 1,
        START_S + 2,
    ]
    with (folder / "door_global.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["id"], row["identity"]) for row in rows] == [
        *(("1", ""), ("2", "7")),
        *(("1", ""), ("2", "7")),
        *(("1", ""), ("2", "7"), ("3", "")),
    ]
    mot = (folder / "door_global.txt").read_text().splitlines()
    assert [line.split(",")[:2] for line in mot] == [[str(n), "7"] for n in (1, 2, 3)]
    events = lines(folder / "identities.jsonl")
    assert [(one["kind"], one["identity"], one["previous_ids"]) for one in events] == [
        ("new", 7, []),
        ("new", 8, []),
        ("merge", 7, [8]),
    ]
    assert not list(folder.glob("*.part"))


def test_nobody_is_twice_in_a_frame_while_a_predicted_box_lingers(tmp_path: Path) -> None:
    world = World(tmp_path)
    for number, track in enumerate((1, 2), 1):
        world.known.expect("door", track)
        world.known.take(said(number, "new" if track == 1 else "match", 7, track))
    tracks = make_tracks([1, 2], [[5, 7, 15, 40], [6, 7, 16, 40]])
    for seen in ([True, False], [False, True], [False, False], [True, True]):
        shown = dataclasses.replace(tracks, observed=np.array(seen))
        world.outputs.write(make_result(world.frame, shown, camera="door"))
        world.frame += 1
    world.outputs.close()
    folder = tmp_path / "20251124T160000Z"
    assert who(folder / "door.jsonl") == [[7, None], [None, 7], [None, 7], [None, 7]]
    assert who(folder / "door_global.jsonl") == [[None, 7]] * 4
    mot = (folder / "door_global.txt").read_text().splitlines()
    assert [line.split(",")[:2] for line in mot] == [[str(n), "7"] for n in (1, 2, 3, 4)]


def test_new_files_every_hour_which_know_who_is_in_sight(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.show(1, 2)
    world.known.take(said(1, "new", 7, 1))
    world.later(3599)
    world.show(1, 2)
    assert world.folders() == ["20251124T160000Z"]
    world.later(1)
    world.show(1, 2)
    old, new = (tmp_path / name for name in world.folders())
    assert new.name == "20251124T170000Z"
    # Those of before still take what the centre says late.
    world.later(10)
    world.known.take(said(2, "new", 8, 2))
    world.later(4)
    assert not (old / "door_global.jsonl").exists()
    world.later(1)
    world.outputs.close()
    assert who(old / "door_global.jsonl") == [[7, 8], [7, 8]]
    assert who(new / "door.jsonl") == [[7, None]]
    assert who(new / "door_global.jsonl") == [[7, 8]]
    first = lines(new / "identities.jsonl")[0]
    assert (first["kind"], first["identity"], first["reason"]) == ("match", 7, "known before")


def test_old_files_are_finished_in_the_background(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.show(1)
    world.later(3600)
    world.later(15)
    for thread in world.outputs._finishing:
        thread.join(30)
    assert (tmp_path / "20251124T160000Z" / "door_global.txt").exists()
    world.later(1)
    assert not world.outputs._finishing
    world.outputs.close()


def test_files_of_recordings_are_not_split_and_zero_never_does(tmp_path: Path) -> None:
    world = World(tmp_path / "never", rotate_h=0.0)
    world.later(1e6)
    assert len(world.folders()) == 1
    world = World(tmp_path / "file")
    world.outputs.change([StubSource(live=False)])  # type: ignore[list-item]
    before = world.folders()
    world.later(1e6)
    assert world.folders() == before


def test_other_cameras_begin_new_files(tmp_path: Path) -> None:
    world = World(tmp_path, dataclasses.replace(TEXTS, crops=True), names="door yard")
    world.show(1)
    world.later(5)
    world.outputs.change([StubSource("yard"), StubSource("hall")])  # type: ignore[list-item]
    world.show(1, camera="hall")
    world.outputs.close()
    first, second = (tmp_path / name for name in world.folders())
    assert len(lines(first / "door.jsonl")) == 1
    assert sorted(path.name for path in second.glob("*.jsonl")) == [
        *("hall.jsonl", "hall_global.jsonl", "identities.jsonl"),
        *("yard.jsonl", "yard_global.jsonl"),
    ]
    world.outputs.change([])
    assert world.outputs.state == ""


def test_without_identities_the_ids_are_the_cameras_own(tmp_path: Path) -> None:
    config = dataclasses.replace(TEXTS, crops=True)
    made = EdgeOutputs(tmp_path, config, EdgeConfig(), None, utc=lambda: START_S)
    made.begin([StubSource()])  # type: ignore[list-item]
    made.write(make_result(0, make_tracks([5]), camera="door"))
    made.close()
    (folder,) = tmp_path.iterdir()
    assert sorted(path.name for path in folder.iterdir()) == [
        *("door.csv", "door.jsonl", "door.txt", "door_crops"),
    ]
    assert (folder / "door.txt").read_text().startswith("1,5,")


def test_crops_go_by_identity_and_move(tmp_path: Path) -> None:
    world = World(tmp_path, OutputConfig(video=False, mot=False, jsonl=False, crops=True))
    world.show(1)
    (folder,) = tmp_path.iterdir()
    assert [path.name for path in (folder / "crops").iterdir()] == ["unsure"]
    world.known.take(said(1, "new", 7, 1))
    world.later(1)
    assert [path.name for path in (folder / "crops").iterdir()] == ["identity-0007"]
    world.outputs.close()


def test_heads_are_blurred_before_anything_is_written(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
    pictures = []
    for blur in (False, True):
        output = OutputConfig(video=False, mot=False, jsonl=False, crops=True, blur_heads=blur)
        made = EdgeOutputs(tmp_path / str(blur), output, EdgeConfig(), None, utc=lambda: START_S)
        made.begin([StubSource()])  # type: ignore[list-item]
        tracks = make_tracks([4], [[10, 20, 50, 110]])
        made.write(make_result(0, tracks, noise, camera="door"))
        made.close()
        (picture,) = (tmp_path / str(blur)).glob("*/door_crops/*/*.jpg")
        pictures.append(np.asarray(cv2.imread(str(picture)), np.int64))
    differs = np.abs(pictures[0] - pictures[1]).mean(axis=(1, 2))
    assert differs[:15].min() > 10 > differs[40:].max()  # the head, and the rest


def test_a_disk_that_is_full_stops_outputs_alone_and_they_go_on_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(tmp_path)
    world.show(1)
    full = OutputError("cannot write door.jsonl: No space left on device")
    writer = world.outputs._period._writer  # type: ignore[union-attr]
    writer.write = lambda result: raise_it(full)  # type: ignore[method-assign]
    world.show(1)
    world.show(1)
    world.later(59)
    assert "No space left" in world.outputs.state
    assert (world.outputs.failures, len(world.folders())) == (1, 1)
    world.later(1)
    world.show(1)
    world.outputs.close()
    first, second = (tmp_path / name for name in world.folders())
    assert world.outputs.failures == 1
    assert len(lines(second / "door.jsonl")) == 1
    assert (first / "door_global.jsonl").exists()
    said_once = [record.message for record in caplog.records if "No space" in record.message]
    assert len(said_once) == 1
    assert "outputs are written again" in caplog.text


def test_a_disk_that_stays_full_is_not_filled_with_folders(tmp_path: Path) -> None:
    world = World(tmp_path)
    for _ in range(5):
        writer = world.outputs._period._writer  # type: ignore[union-attr]
        full = OutputError("No space left on device")
        writer.write = lambda result, full=full: raise_it(full)  # type: ignore[method-assign]
        world.show(1)
        assert world.folders() == []
        world.later(60)
    assert world.outputs.failures == 5
    world.outputs.close()


def test_nothing_is_tried_again_where_there_are_no_cameras_any_more(tmp_path: Path) -> None:
    world = World(tmp_path)
    writer = world.outputs._period._writer  # type: ignore[union-attr]
    full = OutputError("No space left on device")
    writer.write = lambda result: raise_it(full)  # type: ignore[method-assign]
    world.show(1)
    assert "No space" in world.outputs.state
    world.outputs.change([])
    world.later(60)
    assert (world.outputs.state, world.folders()) == ("", [])
    world.outputs.close()


def test_identities_that_do_not_fit_into_older_files_leave_the_newer_ones_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(tmp_path)
    world.show(1, 2)
    world.later(3600)
    ((_, older),) = world.outputs._settling
    full = OutputError("No space left on device")
    older.tell = lambda events: raise_it(full)  # type: ignore[method-assign]
    world.show(1, 2)
    for track in (1, 2):
        world.known.take(said(track, "new", 6 + track, track))
        world.show(1, 2)
    old, new = world.folders()
    assert world.outputs.state == str(tmp_path / new)
    assert world.outputs.failures == 2
    world.outputs.close()
    assert who(tmp_path / new / "door.jsonl") == [[None, None], [7, None], [7, 8]]
    assert [old in record.message for record in caplog.records] == [True]  # said once


def test_the_state_may_be_asked_for_while_files_are_begun_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = EdgeOutputs(tmp_path, TEXTS, EdgeConfig(), None)
    periods = iter([SimpleNamespace(folder=tmp_path), None])
    # Another thread takes the files away as soon as they were looked at.
    current = property(lambda outputs: next(periods))
    monkeypatch.setattr(EdgeOutputs, "_period", current, raising=False)
    assert made.state == str(tmp_path)


def test_outputs_that_cannot_be_opened_leave_no_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path)
    world.show(1)

    def full(*words: object, **more: object) -> None:
        raise OutputError("No space left on device")

    with monkeypatch.context() as patches:
        patches.setattr("reid_tracker.run.rotating.open_shared_sinks", full)
        for failures in range(1, 4):
            world.later(3600)
            assert world.outputs.failures == failures
            assert world.folders() == ["20251124T160000Z"]
    world.later(60)
    assert world.folders() == ["20251124T160000Z", "20251124T190100Z"]
    world.outputs.close()


def raise_it(error: Exception) -> None:
    raise error


def test_a_full_disk_at_the_start_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out").write_text("")  # in the way, for want of a disk that is full
    clock = Clock(100.0)
    made = EdgeOutputs(tmp_path / "out", TEXTS, EdgeConfig(), None, clock=clock)
    with pytest.raises(OutputError, match="out"):
        made.start([StubSource()])  # type: ignore[list-item]
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=0))
    made.start([StubSource()])  # type: ignore[list-item]
    assert "out" in made.state
    (tmp_path / "out").unlink()
    clock.now_s += 60
    made.tick()
    made.write(make_result(0, camera="door"))
    made.close()
    assert len(list((tmp_path / "out").glob("*/door.jsonl"))) == 1


def test_a_folder_that_cannot_be_made_is_an_error_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    made = EdgeOutputs(tmp_path / "file", TEXTS, EdgeConfig(), None)
    with pytest.raises(OutputError, match="cannot"):
        made.begin([StubSource()])  # type: ignore[list-item]


def test_it_waits_for_the_centre_only_as_long_as_it_helps(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.outputs.settle(1e9, 0.0, lambda: True)  # nobody is awaited
    world.outputs.expect("door", 1)
    world.outputs.settle(1e9, 0.0, lambda: False)  # the broker is away
    heard = iter(range(3))

    def hear() -> bool:
        if next(heard) == 1:
            world.known.take(said(1, "new", 7, 1))
        return True

    world.outputs.settle(1e9, 0.0, hear)
    assert world.known.awaited == 0
    world.outputs.close()
