"""Pins of two processes at the same time: none is lost."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path

import pytest

from reid_tracker.errors import WeightsError
from reid_tracker.zoo import Content
from reid_tracker.zoo.pins import expected, pin, pins_file
from tests.zoo.samples import entry, manifest_of, sha256

CONTENT = Content(sha256(b"model"), 5)


@pytest.mark.skipif(sys.platform == "win32", reason="no locks there")
def test_a_pin_waits_for_another(tmp_path: Path) -> None:
    """A lock belongs to the open file, so a thread here stands for another process."""
    import fcntl

    (mine,) = manifest_of(
        tmp_path / "manifest", entry("mine", url="https://x.invalid/mine.pt")
    ).entries
    thread = threading.Thread(target=pin, args=(mine, CONTENT, tmp_path))
    with (tmp_path / ".pins.json.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
        assert not pins_file(tmp_path).exists()
        pins_file(tmp_path).write_text(json.dumps({"other": CONTENT._asdict()}))
    thread.join(30)
    assert not thread.is_alive()
    assert json.loads(pins_file(tmp_path).read_text()).keys() == {"mine", "other"}


def test_published_checksum_writes_no_pin(tmp_path: Path) -> None:
    published = entry("mine", sha256=CONTENT.sha256)
    (mine,) = manifest_of(tmp_path / "manifest", published).entries
    pin(mine, CONTENT, tmp_path / "absent")
    assert not (tmp_path / "absent").exists()


def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (mine,) = manifest_of(
        tmp_path / "manifest", entry("mine", url="https://x.invalid/mine.pt")
    ).entries
    with pytest.raises(WeightsError, match=r"cannot write .*pins\.json: No such file"):
        pin(mine, CONTENT, tmp_path / "absent")


def test_a_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    text = json.dumps({"mine": CONTENT._asdict()})
    pins_file(tmp_path).write_text(text, encoding="utf-8-sig")
    (mine,) = manifest_of(
        tmp_path / "manifest", entry("mine", url="https://x.invalid/mine.pt")
    ).entries
    assert expected(mine, tmp_path) == CONTENT
