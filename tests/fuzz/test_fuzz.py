"""The fuzz targets in short, always with the same inputs; and that mistakes would be found."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from reid_tracker.errors import InputError
from tests.conftest import ROOT
from tests.fuzz import files, harness, run
from tests.fuzz.harness import Target, Watch
from tests.fuzz.mutate import Mutator
from tests.fuzz.targets import TARGETS
from tests.waiting import wait_until

INPUTS = {"messages": 6000, "configs": 3000, "readers": 3000}


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_nothing_but_errors_of_the_package_comes_out(name: str) -> None:
    watch = Watch(TARGETS[name]())
    inputs = watch.target.inputs()
    mutator = Mutator(inputs, seed=1, most_bytes=20_000)
    for data in [*inputs, *(mutator.next() for _ in range(INPUTS[name]))]:
        watch.run(data)
    told = [
        f"{one.kind} in {one.reader}: {one.where}\n{one.text}" for one in watch.findings.values()
    ]
    assert not told, "\n".join(told)
    # Were all of them refused, or none, little of the code would be reached.
    assert 0.2 < watch.refused / watch.inputs < 0.95


@pytest.mark.parametrize("name", TARGETS)
def test_every_reader_has_a_seed_that_it_takes(name: str) -> None:
    if name == "readers":
        pytest.importorskip("trackeval")  # some readers also score what they have read
    target = TARGETS[name]()
    for number, (reader, seeds) in enumerate(target.seeds.items()):
        watch = Watch(target)
        for seed in seeds:
            watch.run(bytes([number]) + seed)
        assert watch.refused < len(seeds), reader


def planted(data: bytes) -> None:
    """Have every kind of mistake."""
    if data.startswith(b"crash"):
        raise KeyError(data)
    if data.startswith(b"lines"):
        raise InputError("one\ntwo")
    if data.startswith(b"long"):
        raise InputError("x" * 10_000)
    if data.startswith(b"slow"):
        sum(range(3_000_000))
    if data.startswith(b"hungry"):
        bytearray(1000)
    raise InputError("refused")


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        (b"crash", "crash"),
        (b"lines", "message"),
        (b"long", "message"),
        (b"slow", "slow"),
        (b"hungry", "hungry"),
        (b"plain", None),
    ],
)
def test_each_kind_of_mistake_is_found(
    word: bytes, kind: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Watch(Target("planted", {"planted": planted}, {"planted": [b"seed"]}))
    if kind == "slow":
        monkeypatch.setattr(harness, "SLOW_S", 0.001)
    if kind == "hungry":
        # What this process has had at most is not exceeded again; so it is told.
        most = watch.first_mib + harness.HUNGRY_MIB + 1
        monkeypatch.setattr(harness, "peak_mib", lambda: most)
    found = watch.run(b"\0" + word)
    assert (found and found.kind) == kind
    assert watch.refused == (kind != "crash")


def test_a_mistake_is_told_once() -> None:
    watch = Watch(Target("planted", {"planted": planted}, {"planted": [b"seed"]}))
    assert watch.run(b"\0crash") is not None
    assert watch.run(b"\0crash again") is None
    assert len(watch.findings) == 1


def test_the_same_seed_gives_the_same_inputs() -> None:
    first, again, other = (Mutator([b"\0abc 1.5", b"\1xyz"], seed) for seed in (1, 1, 2))
    one = [first.next() for _ in range(200)]
    assert one == [again.next() for _ in range(200)]
    assert one != [other.next() for _ in range(200)]
    assert len(set(one)) > 100


def test_the_program_knows_all_targets() -> None:
    assert tuple(TARGETS) == run.TARGETS


@pytest.mark.long
@pytest.mark.parametrize("engine", ["plain", "atheris"])
def test_the_program_prints_its_table(engine: str, tmp_path: Path) -> None:
    if engine == "atheris":
        pytest.importorskip("atheris")
    words = ["--targets", "configs", "--minutes", "0.1", "--engine", engine]
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.run", *words],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done
    assert f"Engine: {engine}." in done.stdout
    (row,) = [line for line in done.stdout.splitlines() if line.startswith("| configs |")]
    edges = row.split("|")[6].strip()
    assert edges == "-" if engine == "plain" else int(edges) > 100
    assert "Nothing was found." in done.stdout
    # Where nothing was found, nothing is left.
    assert not list(tmp_path.iterdir())


@pytest.mark.long
def test_a_process_that_hangs_is_killed_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places: list[Path] = []

    def wait(process: subprocess.Popen[bytes], note: Path, _: float) -> bool:
        """Take it for hanging as soon as it has run some inputs."""
        wait_until(lambda: note.exists() or process.poll() is not None)
        assert process.poll() is None
        (place,) = places
        assert list(place.iterdir())
        return True

    def new_folder() -> tempfile.TemporaryDirectory[str]:
        made = tempfile.TemporaryDirectory(dir=tmp_path)
        places.append(Path(made.name))
        return made

    monkeypatch.setattr(run, "_wait", wait)
    monkeypatch.setattr(files, "new_folder", new_folder)
    result = run.Result("configs")
    run._one_process(result, tmp_path, ["plain", 60.0, 0])
    assert result.counts["inputs"] > 0
    assert len(result.findings) == 1
    assert not places[0].exists()
