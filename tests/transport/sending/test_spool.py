"""The spool: kept and dropped messages, and damaged, full and foreign files."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from reid_tracker.errors import SpoolError
from reid_tracker.transport.brokers.base import Outgoing
from reid_tracker.transport.sending.spool import Spool
from reid_tracker.transport.sending.spool_file import FullDiskError
from tests.conftest import ROOT, Clock
from tests.examples import examples


def message(number: int, size: int = 100) -> Outgoing:
    return Outgoing(
        f"e1/b1/{number}", "reid.v1.hall.e1.door.tracklet", bytes([number % 256]) * size
    )


def ids(spool: Spool, count: int = 10_000) -> list[int]:
    return [int(one.message.message_id.rpartition("/")[2]) for one in spool.first(count)]


def test_a_corrected_clock_does_not_age_messages(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A host without a clock of its own starts 30 days behind, or ahead, until NTP answers."""
    clock, mono = Clock(), Clock()
    spool = Spool(tmp_path / "spool", max_age_s=86_400, clock=clock, monotonic=mono)
    spool.put([message(0)])
    for jump_s in (30 * 86_400, -30 * 86_400, 30 * 86_400):
        clock.now_s += jump_s
        spool.put([message(1)])
        assert spool.dropped_old == 0
    assert spool.pending == 4
    assert caplog.text.count("the 1 messages in") == 1
    clock.now_s, mono.now_s = clock.now_s + 86_000, mono.now_s + 86_000
    assert len(spool.first(9)) == 4
    spool.close()


def test_messages_dropped_for_their_age_are_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    for _ in range(2):  # the clock was corrected while the program did not run
        with Spool(tmp_path / "spool", max_age_s=3600, clock=clock, monotonic=Clock()) as spool:
            spool.put([message(0), message(1)])
        clock.now_s += 30 * 86_400
    assert spool.dropped_old == 2
    assert "2 messages in the spool" in caplog.text
    assert "older than 1.0 h (transport.spool_age_h)" in caplog.text


def test_first_in_first_out_over_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "new" / "spool.sqlite"
    spool = Spool(path)
    spool.put([message(n) for n in range(10)])
    assert spool.first(3) == spool.first(3)
    batch = spool.first(4)
    assert [one.message for one in batch] == [message(n) for n in range(4)]
    spool.remove(batch[-1].number)
    assert ids(spool) == list(range(4, 10))
    spool.close()
    again = Spool(path)
    assert again.pending == 6
    assert ids(again) == list(range(4, 10))
    again.put([message(10)])
    assert ids(again) == list(range(4, 11))
    again.remove(again.first(100)[-1].number)
    assert (again.pending, again.pending_bytes, ids(again)) == (0, 0, [])
    again.close()
    with pytest.raises(SpoolError, match="was closed"):
        again.put([message(11)])


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    Spool(tmp_path / "spool").close()
    assert stat.S_IMODE(os.stat(tmp_path / "spool").st_mode) == 0o600


def test_full_drops_the_oldest_first(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    spool = Spool(tmp_path / "spool", max_bytes=20_000)
    for n in range(100):
        spool.put([message(n, 1000)])
        assert spool.pending_bytes <= 20_000
    assert ids(spool) == list(range(100 - spool.pending, 100))
    assert 15 <= spool.pending <= 19
    assert spool.dropped_full == 100 - spool.pending
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    spool.put([message(n, 1000) for n in range(100, 150)])  # more than its capacity at once
    assert ids(spool) == list(range(150 - spool.pending, 150))
    assert spool.pending + spool.dropped_full == 150
    spool.close()


def test_old_ones_are_dropped(tmp_path: Path) -> None:
    clock = Clock()
    spool = Spool(tmp_path / "spool", max_age_s=60, clock=clock)
    spool.put([message(0), message(1)])
    clock.now_s += 50
    spool.put([message(2)])
    clock.now_s += 20
    assert ids(spool) == [2]
    clock.now_s += 50
    spool.put([message(3)])
    assert ids(spool) == [3]
    assert (spool.dropped_old, spool.dropped_full, spool.pending) == (3, 0, 1)
    spool.close()


def test_disk_space_is_freed_after_an_outage(tmp_path: Path) -> None:
    path = tmp_path / "spool"
    spool = Spool(path)
    for start in range(0, 400, 50):
        spool.put([message(n, 50_000) for n in range(start, start + 50)])
    size = sum(part.stat().st_size for part in tmp_path.iterdir())
    assert size > 20_000_000
    while waiting := spool.first(64):
        spool.remove(waiting[-1].number)
    assert sum(part.stat().st_size for part in tmp_path.iterdir()) < 6_000_000
    spool.close()


@pytest.mark.slow
def test_one_process_at_a_time(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    path = str(tmp_path / "spool")
    script = f"from reid_tracker.transport.sending.spool import Spool; Spool({path!r})"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "in use by another process" in done.stderr
    spool.close()


def test_places_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "spool", tmp_path):
        with pytest.raises(SpoolError, match=r"choose another transport\.spool"):
            Spool(path)
    foreign = tmp_path / "foreign.sqlite"
    with sqlite3.connect(foreign) as database:
        database.execute("CREATE TABLE people (name TEXT)")
    database.close()
    before = foreign.read_bytes()
    with pytest.raises(SpoolError, match="not a spool of this version"):
        Spool(foreign)
    assert foreign.read_bytes() == before


@pytest.mark.parametrize("damage", ["noise", "zeros", "cut"])
def test_a_damaged_file_is_renamed(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "spool"
    spool = Spool(path)
    spool.put([message(n, 500) for n in range(200)])
    spool.close()
    data = path.read_bytes()
    middle = len(data) // 2
    path.write_bytes(
        {
            "noise": bytes(range(256)) * 40,
            "zeros": data[:4096] + bytes(len(data) - 4096),
            "cut": data[:middle],
        }[damage]
    )
    again = Spool(path)
    assert (again.pending, again.damaged) == (0, 1)
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert "\n" not in record.getMessage()
    assert "renamed to spool.damaged" in record.getMessage()
    assert (tmp_path / "spool.damaged").exists()
    again.put([message(7)])
    assert ids(again) == [7]
    again.close()


def test_damage_while_it_is_open(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "spool"
    spool = Spool(path)
    for start in range(0, 3000, 100):
        spool.put([message(n, 2000) for n in range(start, start + 100)])
    batch = spool.first(64)
    for part in (path, path.with_name("spool-wal")):
        with part.open("r+b") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            file.write(os.urandom(size))
    spool._open.execute("PRAGMA cache_size = 1")  # type: ignore[union-attr]
    spool.put([message(n, 2000) for n in range(3000, 3100)])
    first = ids(spool)
    assert spool.damaged == 1
    assert first[-1] == 3099
    # Numbers continue, so that removing an old batch removes nothing of the new file.
    spool.remove(batch[-1].number)
    assert ids(spool) == first
    assert sum(record.levelno == logging.ERROR for record in caplog.records) == 1
    spool.close()


FULL = """
import resource, sys, json
from reid_tracker.errors import SpoolError
from reid_tracker.transport.sending.spool import Spool
from tests.transport.sending.test_spool import message, ids

spool = Spool(sys.argv[1], max_bytes=2**30)
spool.put([message(n) for n in range(5)])
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
stored, failed, text = 5, 0, ""
for n in range(5, 500):
    try:
        spool.put([message(n, 2000)])
        stored = n + 1
    except SpoolError as error:
        failed, text = failed + 1, str(error)
        if failed == 3:
            break
there = ids(spool)
try:
    spool.remove(spool.first(3)[-1].number)
except SpoolError:
    pass
left, pending = ids(spool), spool.pending
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
spool.put([message(900)])
print(json.dumps([stored, failed, text, there, left, pending, ids(spool), spool.damaged]))
spool.close()
"""


@pytest.mark.slow
def test_a_full_disk(tmp_path: Path) -> None:
    """Stored messages stay, removed ones do not come back, and storing works again later."""
    import json

    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path / "spool")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    stored, failed, text, there, left, pending, later, damaged = json.loads(done.stdout)
    assert failed == 3
    assert 10 < stored < 400
    assert "\n" not in text
    assert "disk" in text
    assert there == list(range(stored))
    assert left == there[3:]
    assert pending == len(left)
    assert later == [*left, 900]
    assert damaged == 0
    with_restart = Spool(tmp_path / "spool")
    assert ids(with_restart) == later
    with_restart.close()


def test_a_new_file_that_cannot_continue_the_numbers_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """New messages with low numbers would count as already sent."""
    spool = Spool(tmp_path / "spool.sqlite")
    spool.put([message(n) for n in range(5)])
    last = spool.first(5)[-1].number
    spool.remove(last)

    def full(*_: object) -> tuple[int, int, int]:
        raise FullDiskError("no space is left")

    with monkeypatch.context() as patch:
        patch.setattr(Spool, "_continue", full)
        with pytest.raises(FullDiskError):
            spool._replace_with_empty()
        with pytest.raises(FullDiskError):
            spool.put([message(5)])
    spool.put([message(6)])
    assert ids(spool) == [6]
    assert spool.first(1)[0].number > last
    spool.close()


def test_a_disk_of_one_megabyte(small_disk: Path) -> None:
    spool = Spool(small_disk / "spool")
    try:
        with pytest.raises(SpoolError, match="disk") as caught:
            fill(spool)
        assert "\n" not in str(caught.value)
        stored = spool.pending
        assert ids(spool) == list(range(stored))
        assert stored > 20
        while batch := spool.first(10):
            remove(spool, batch[-1].number)
        assert spool.pending == 0
        spool.put([message(1, 5000)])
        assert ids(spool) == [1]
    finally:
        spool.close()


def test_a_log_that_takes_the_whole_disk(small_disk: Path) -> None:
    """No message waits, so a new file loses nothing."""
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(500_000))
    spool = Spool(small_disk / "spool")
    try:
        for n in range(400):
            spool.put([message(n, 2000)])
            assert ids(spool) == [n]
            spool.remove(spool.first(1)[0].number)
        assert spool.pending == 0
    finally:
        spool.close()


@pytest.mark.parametrize("old", [0, 20])
def test_a_disk_that_is_full_at_the_start(small_disk: Path, old: int) -> None:
    """The file is opened when there is space; its old messages come before new ones."""
    path, ballast = small_disk / "spool", small_disk / "ballast"
    if old:
        before = Spool(path)
        before.put([message(n, 5000) for n in range(old)])
        before.close()
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    spool = Spool(path)
    try:
        assert spool.pending == 0
        for _ in range(2):
            with pytest.raises(SpoolError, match="no space is left"):
                spool.put([message(100, 5000)])
        ballast.unlink()
        spool.put([message(100, 5000)])
        assert ids(spool) == [*range(old), 100]
        assert spool.pending == old + 1
    finally:
        spool.close()


def fill(spool: Spool) -> None:
    for n in range(1000):
        spool.put([message(n, 5000)])


def remove(spool: Spool, number: int) -> None:
    try:
        spool.remove(number)
    except SpoolError as error:
        assert "disk" in str(error)  # noqa: PT017


class AgainstAList(RuleBasedStateMachine):
    """The spool does what a plain list does."""

    def __init__(self) -> None:
        super().__init__()
        import tempfile

        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "spool"
        self.clock = Clock()
        self.came = 0
        self.expected: list[tuple[int, float, int]] = []
        self.open()

    def open(self) -> None:
        self.spool = Spool(
            self.path, max_bytes=3000, max_age_s=100, clock=self.clock, monotonic=self.clock
        )

    @rule(sizes=st.lists(st.integers(0, 900), min_size=1, max_size=6))
    def put(self, sizes: list[int]) -> None:
        batch = [message(self.came + at, size) for at, size in enumerate(sizes)]
        self.came += len(batch)
        self.spool.put(batch)
        now_s = self.clock.now_s
        self.expected += [
            (
                int(one.message_id[6:]),
                now_s,
                len(one.data) + len(one.subject) + len(one.message_id) + 64,
            )
            for one in batch
        ]
        self.expected = [one for one in self.expected if one[1] >= now_s - 100]
        while sum(one[2] for one in self.expected) > 3000:
            self.expected.pop(0)

    @rule(count=st.integers(1, 5))
    def send(self, count: int) -> None:
        batch = self.spool.first(count)
        self.expected = [one for one in self.expected if one[1] >= self.clock.now_s - 100]
        numbers = [int(one.message.message_id[6:]) for one in batch]
        assert numbers == [one[0] for one in self.expected[:count]]
        if batch:
            self.spool.remove(batch[-1].number)
            self.expected = self.expected[len(batch) :]

    @rule(seconds=st.floats(0, 60))
    def wait(self, seconds: float) -> None:
        self.clock.now_s += seconds

    @rule()
    def restart(self) -> None:
        self.spool.close()
        self.open()

    @invariant()
    def counts(self) -> None:
        assert self.spool.pending == len(self.expected)
        assert self.spool.pending_bytes == sum(one[2] for one in self.expected)

    def teardown(self) -> None:
        self.spool.close()
        self.folder.cleanup()


NO_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)  # each step waits for the disk

TestAgainstAList = AgainstAList.TestCase
TestAgainstAList.settings = settings(
    max_examples=examples(12), stateful_step_count=15, deadline=None, phases=NO_SHRINKING
)
