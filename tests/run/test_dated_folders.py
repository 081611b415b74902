"""Folders of a camera host's files: deleted when old, finished after a kill, in nobody's way."""

from __future__ import annotations

import shutil
import threading
import time
from pathlib import Path

import pytest

from reid_tracker.config import EdgeConfig
from reid_tracker.edge import EdgeOutputs
from reid_tracker.errors import OutputError
from reid_tracker.run.dated_folders import DatedFolders
from tests.run.test_known import said
from tests.run.test_rotating import TEXTS, StubSource, World, who


def test_old_folders_are_deleted_and_nothing_else(tmp_path: Path) -> None:
    for name in ("20251124T125959Z", "20251124T140000Z-2", "mine", "20251124T1200Z"):
        (tmp_path / name).mkdir()
    (tmp_path / "20251124T125959Z" / "door.txt").touch()
    world = World(tmp_path, delete_after_h=3.0)
    assert world.folders() == [
        *("20251124T1200Z", "20251124T140000Z-2", "20251124T160000Z", "mine"),
    ]
    world.later(3600)
    world.later(15)
    assert "20251124T140000Z-2" in world.folders()
    world.later(3600)
    assert "20251124T140000Z-2" not in world.folders()
    assert "20251124T160000Z" in world.folders()
    world.outputs.close()


def test_old_folders_are_deleted_while_files_are_not_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "20251124T140000Z").mkdir()
    world = World(tmp_path, delete_after_h=3.0, rotate_h=0.0)
    world.later(3600)
    assert world.folders() == ["20251124T140000Z", "20251124T160000Z"]
    world.later(60)
    assert world.folders() == ["20251124T160000Z"]
    world.later(1e6)  # it is old, but written
    assert world.folders() == ["20251124T160000Z"]
    world.show(1)
    world.outputs.close()


def test_folders_that_are_still_written_are_not_deleted(tmp_path: Path) -> None:
    world = World(tmp_path, delete_after_h=0.01, settle_s=200.0)
    world.show(1)
    world.later(100)
    world.outputs.change([StubSource()])  # type: ignore[list-item]
    (_, older), *_ = world.outputs._settling
    close, may_close = older.close, threading.Event()

    def close_slowly() -> None:
        may_close.wait(60)
        close()

    older.close = close_slowly  # type: ignore[method-assign]
    world.later(100)
    assert older.folder.is_dir()  # it waits for the last identities
    world.later(100)
    (thread,) = world.outputs._finishing
    world.later(100)
    assert older.folder.is_dir()  # it is being finished
    may_close.set()
    thread.join(60)
    world.later(100)
    assert world.folders() == ["20251124T160140Z"]
    world.outputs.close()


def test_a_folder_that_cannot_be_deleted_stops_neither_the_flow_nor_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    names = ["20201399T000000Z", "20251124T010000Z", "20251124T020000Z", "20251124T030000Z"]
    for name in names:
        (tmp_path / name).mkdir()
    delete = shutil.rmtree

    def refuse(folder: Path) -> None:
        if folder.name == "20251124T020000Z":
            raise PermissionError(13, "Permission denied")
        delete(folder)

    monkeypatch.setattr(shutil, "rmtree", refuse)
    world = World(tmp_path, delete_after_h=3.0)
    world.later(60)
    world.later(60)
    assert world.folders() == ["20201399T000000Z", "20251124T020000Z", "20251124T160000Z"]
    warned = [record.message for record in caplog.records]
    assert ["20201399T000000Z" in one for one in warned] == [True, False]
    assert "20251124T020000Z is not deleted: [Errno 13] Permission denied" in warned[1]
    world.outputs.close()


def test_a_clock_that_may_be_days_ahead_deletes_no_files(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "20251120T160000Z").mkdir()  # four days before
    world = World(tmp_path, delete_after_h=3.0, rotate_h=0.0)
    world.later(3000)
    assert world.folders() == ["20251120T160000Z", "20251124T160000Z"]
    assert f"{tmp_path} was last written 4.0 days ago by this machine's clock" in caplog.text
    world.later(3600)
    assert world.folders() == ["20251124T160000Z"]
    world.outputs.close()


def test_a_clock_that_jumps_deletes_no_files(tmp_path: Path) -> None:
    utc_s = [1_764_000_000.0]
    folders = DatedFolders(tmp_path, 72.0, utc=lambda: utc_s[0], clock=lambda: 5.0)
    made = folders.make()
    utc_s[0] += 4 * 86_400
    folders.delete_old([])
    assert made.is_dir()


def test_a_start_within_the_same_second_takes_another_folder(tmp_path: Path) -> None:
    worlds = [World(tmp_path), World(tmp_path)]
    for world in worlds:
        world.show(1)
        world.outputs.close()
        world.outputs.close()
    assert worlds[0].folders() == ["20251124T160000Z", "20251124T160000Z-2"]


def wait_for_earlier(outputs: EdgeOutputs) -> None:
    """Have the folders of earlier starts finished."""
    outputs._folders.finish_earlier(outputs._busy())
    thread = outputs._folders._thread
    assert thread is not None
    thread.join(30)
    assert not thread.is_alive()


def test_texts_of_a_killed_start_are_finished_by_the_next(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    killed = World(tmp_path, names="door yard")
    killed.show(1)
    killed.known.take(said(1, "new", 7, 1))
    killed.show(1, 2)
    (old,) = tmp_path.iterdir()
    with (old / "door.jsonl").open("a") as file:
        file.write('{"schema":"rei')  # a power cut
    (tmp_path / "20251124T150000Z").mkdir()
    (tmp_path / "20251124T150000Z" / "identities.jsonl").write_text("{}\n")
    (tmp_path / "20251124T150000Z" / "door.txt").touch()
    world = World(tmp_path)
    wait_for_earlier(world.outputs)
    assert who(old / "door_global.jsonl") == [[7], [7, None]]
    assert (old / "door_global.txt").read_text().count(",7,") == 2
    assert (old / "door_global.csv").exists()
    assert not (old / "yard_global.txt").exists()  # nobody there had a name
    assert "20251124T150000Z are damaged" in caplog.text
    assert not list(Path(world.outputs.state).glob("*_global*"))
    world.outputs.close()


def test_folders_in_which_nothing_is_missing_are_not_read_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(tmp_path)
    for name in ("20251124T140000Z", "20251124T150000Z"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "identities.jsonl").write_text("{}\n")  # told of when it is read
        for file in ("door.txt", "door_global.txt", "door.csv"):
            (tmp_path / name / file).touch()
    (tmp_path / "20251124T140000Z" / "door_global.csv").touch()
    wait_for_earlier(world.outputs)
    assert "20251124T150000Z are damaged" in caplog.text
    assert "20251124T140000Z" not in caplog.text
    world.outputs.close()


@pytest.mark.slow
def test_the_end_does_not_wait_for_the_files_of_earlier_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for hour in (12, 13, 14):
        (tmp_path / f"20251124T{hour}0000Z").mkdir()
    begun, go_on = threading.Event(), threading.Event()
    seen: list[str] = []

    def finish(folder: Path) -> list[Path]:
        seen.append(folder.name)
        begun.set()
        go_on.wait(120)
        return []

    monkeypatch.setattr("reid_tracker.run.dated_folders.finish_texts", finish)
    made = EdgeOutputs(tmp_path, TEXTS, EdgeConfig(), None)
    made.start([StubSource()])  # type: ignore[list-item]
    assert begun.wait(30)
    start_s = time.monotonic()
    made.close()
    assert time.monotonic() - start_s < 60
    thread = made._folders._thread
    assert thread is not None
    assert thread.is_alive()
    assert thread.daemon
    go_on.set()
    thread.join(60)
    assert seen == ["20251124T140000Z"]  # the newest; none after it


def test_a_folder_that_is_being_finished_is_not_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "20251124T150000Z").mkdir()
    begun, go_on = threading.Event(), threading.Event()

    def finish(folder: Path) -> list[Path]:
        begun.set()
        go_on.wait(120)
        return []

    monkeypatch.setattr("reid_tracker.run.dated_folders.finish_texts", finish)
    world = World(tmp_path, delete_after_h=3.0, rotate_h=0.0)
    world.outputs._folders.finish_earlier(world.outputs._busy())
    assert begun.wait(30)
    world.later(3 * 3600)
    assert world.folders() == ["20251124T150000Z", "20251124T160000Z"]
    go_on.set()
    thread = world.outputs._folders._thread
    assert thread is not None
    thread.join(60)
    world.later(60)
    assert world.folders() == ["20251124T160000Z"]
    world.outputs.close()


def test_two_hosts_do_not_share_a_place(tmp_path: Path) -> None:
    place = tmp_path / "out"
    first, second = DatedFolders(place, None), DatedFolders(place, None)
    first.claim()
    with pytest.raises(OutputError, match="another run is writing to"):
        second.claim()
    first.close()
    second.claim()
    second.close()
