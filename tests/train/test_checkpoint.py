from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from reid_tracker.errors import OutputError, WeightsError
from reid_tracker.osnet import load_checkpoint, osnet_x0_25
from reid_tracker.train.checkpoint import read_checkpoint, save_checkpoint, write_atomically


def no_space(*arguments: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "last.pth"
    save_checkpoint({"net": {"a": torch.arange(3)}, "epoch": 4, "note": "x"}, path)
    content = read_checkpoint(path)
    assert content["epoch"] == 4
    assert content["net"]["a"].tolist() == [0, 1, 2]
    assert [item.name for item in tmp_path.iterdir()] == ["last.pth"]


def test_checkpoint_is_a_weights_file(tmp_path: Path) -> None:
    net = osnet_x0_25(3)
    save_checkpoint({"state_dict": net.state_dict(), "epoch": 1}, tmp_path / "last.pth")
    assert load_checkpoint(tmp_path / "last.pth").keys() == net.state_dict().keys()


@pytest.mark.parametrize("broken", ["write", "flush", "replace"])
def test_full_disk_leaves_the_previous_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    path = tmp_path / "last.pth"
    save_checkpoint({"epoch": 1}, path)
    write: bytes | Callable[[Any], object] = b"new"
    if broken == "write":
        write = no_space
    elif broken == "flush":
        monkeypatch.setattr("os.fsync", no_space)
    else:
        monkeypatch.setattr(Path, "replace", no_space)
    with pytest.raises(OutputError, match=r"No space left on device; the previous one is unharmed"):
        write_atomically(path, write)
    monkeypatch.undo()
    assert read_checkpoint(path)["epoch"] == 1
    assert [item.name for item in tmp_path.iterdir()] == ["last.pth"]


def test_device_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    monkeypatch.setattr(Path, "with_name", lambda path, name: Path("/dev/full"))
    monkeypatch.setattr(Path, "unlink", lambda path: None)
    with pytest.raises(OutputError, match=r"cannot write .*last\.pth: No space left on device$"):
        save_checkpoint({"epoch": 1}, tmp_path / "last.pth")


def test_interrupt_while_writing_leaves_nothing_behind(tmp_path: Path) -> None:
    def interrupt(file: Any) -> None:
        file.write(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "last.pth", interrupt)
    assert list(tmp_path.iterdir()) == []


def test_missing_damaged_and_foreign_files(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no such checkpoint"):
        read_checkpoint(tmp_path / "last.pth")
    (tmp_path / "text.pth").write_text("hello")
    with pytest.raises(WeightsError, match="damaged"):
        read_checkpoint(tmp_path / "text.pth")
    torch.save(osnet_x0_25().state_dict(), tmp_path / "weights.pth")
    with pytest.raises(WeightsError, match=r"set model\.weights instead of resuming"):
        read_checkpoint(tmp_path / "weights.pth")


def test_full_disk_in_the_words_of_numpy(tmp_path: Path) -> None:
    def write(file: Any) -> None:
        raise OSError("768 requested and 0 written")

    with pytest.raises(OutputError, match=r"a\.npy: 768 requested and 0 written$"):
        write_atomically(tmp_path / "a.npy", write)
