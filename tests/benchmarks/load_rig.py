"""The processes of a load test of the centre, and their resources."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reid_tracker.central.intake import durable_name
from reid_tracker.match.gallery.open import open_gallery
from reid_tracker.match.places.topology import Topology
from reid_tracker.transport.access import TRACKLETS
from tests.benchmarks.load_world import ENCODER, Site, joint_layout
from tests.conftest import ROOT
from tests.match.gallery.server import Server as Postgres
from tests.transport.servers import Server, nats_server

_START_S = 120.0


@dataclass(frozen=True)
class Setting:
    """What is put under load.

    Attributes:
        centres: processes, each with its share of the sites.
        gallery: "sqlite" or "postgres".
        warm_s: seconds before figures are taken.
        seconds: seconds over which they are.
        overrides: KEY=VALUE for the centre.
    """

    centres: int
    gallery: str
    warm_s: float
    seconds: float
    overrides: tuple[str, ...]


@dataclass(frozen=True)
class Sample:
    """The state at one moment; processor times in seconds.

    Attributes:
        at_s: when.
        taken: messages that the centres have acknowledged.
        behind: messages that the broker has not handed out.
        cpu: by "centre", "broker", "database", "sender".
        machine: all processes together.
    """

    at_s: float
    taken: int
    behind: int
    cpu: dict[str, float]
    machine: float


class Rig:
    """Broker, database, centres and sender of one run.

    Args:
        folder: for all files.
        places: the sites.
        world: folder of their messages.
        setting: what is put under load.
        stack: ends it all.
    """

    def __init__(
        self, folder: Path, places: list[Site], world: Path, setting: Setting, stack: ExitStack
    ) -> None:
        self._psutil: Any = importlib.import_module("psutil")  # has no types
        self.names = [one.name for one in places]
        self.broker = nats_server(folder / "nats", open_to_all=True)
        stack.callback(self.broker.kill)
        self.postgres = Postgres(flush=True) if setting.gallery == "postgres" else None
        if self.postgres is not None:
            stack.callback(self.postgres.stop)
        layout = folder / "topology.yaml"
        _write_layout(joint_layout(places), layout)
        self.galleries, self.centres = [], []
        for number in range(setting.centres):
            gallery = str(folder / f"{number}.sqlite")
            if self.postgres is not None:
                gallery = self.postgres.address
            self.galleries.append(gallery)
            own = self.names[number :: setting.centres]
            log = stack.enter_context((folder / f"centre-{number}.log").open("wb"))
            words = _centre_words(self.broker, gallery, layout, own, setting.overrides)
            self.centres.append(_started(words, log, stack))
        self.log = folder / "centre-0.log"
        self.sender = _started(
            ["tests.benchmarks.load_sender", str(world), self.address], None, stack
        )

    @property
    def address(self) -> str:
        """Of the broker."""
        return f"nats://127.0.0.1:{self.broker.port}"

    def stop_centres(self) -> None:
        """Let the centres store what they hold, and end."""
        for process in self.centres:
            process.terminate()
        for process in self.centres:
            process.wait(60)

    def cpu(self) -> dict[str, float]:
        """Return seconds of processor time by part."""
        parts = {
            "centre": [one.pid for one in self.centres],
            "broker": [self.broker.pid],
            "database": [] if self.postgres is None else [self.postgres.process_id],
            "sender": [self.sender.pid],
        }
        return {name: sum(map(self._cpu_of, pids)) for name, pids in parts.items()}

    def machine(self) -> float:
        """Return seconds of processor time of all processes together."""
        times = self._psutil.cpu_times()
        return float(times.user + times.nice + times.system)

    def memory(self) -> int:
        """Return bytes of the centres in memory."""
        return sum(self._psutil.Process(one.pid).memory_info().rss for one in self.centres)

    def rows(self) -> int:
        """Return sightings in the galleries, which no centre uses any more."""
        count = 0
        for address in dict.fromkeys(self.galleries):
            with open_gallery(address) as store:
                count += store.info().sightings
        return count

    def _cpu_of(self, pid: int) -> float:
        total = 0.0
        main = self._psutil.Process(pid)
        for one in [main, *main.children(recursive=True)]:
            with contextlib.suppress(self._psutil.NoSuchProcess):
                times = one.cpu_times()
                total += times.user + times.system
        return total


def begin(sender: subprocess.Popen[str]) -> float:
    """Wait until the sender is ready, and tell it to begin; returns when."""
    assert sender.stdin is not None
    assert sender.stdout is not None
    if sender.stdout.readline().strip() != "ready":
        raise SystemExit("the sender ended")
    start_s = time.time() + 0.5
    sender.stdin.write(f"{start_s}\n")
    sender.stdin.flush()
    return start_s


async def until_subscribed(rig: Rig, stream: Any) -> None:
    """Wait until each site has its consumer: its centre is ready."""
    from nats.js.errors import NotFoundError

    deadline = time.monotonic() + _START_S
    for name in rig.names:
        while True:
            if time.monotonic() > deadline or any(one.poll() is not None for one in rig.centres):
                raise SystemExit("a centre did not start")
            with contextlib.suppress(NotFoundError):
                await stream.consumer_info(TRACKLETS, durable_name(name))
                break
            await asyncio.sleep(0.2)


async def sample(rig: Rig, stream: Any) -> Sample:
    taken = behind = 0
    for name in rig.names:
        info = await stream.consumer_info(TRACKLETS, durable_name(name))
        again = info.num_redelivered or 0
        taken += info.delivered.consumer_seq - again - (info.num_ack_pending or 0)
        behind += info.num_pending or 0
    return Sample(time.time(), taken, behind, rig.cpu(), rig.machine())


def _write_layout(layout: Topology, path: Path) -> None:
    """Write a topology in few letters: that of ten sites is near the limit of what is read."""
    lines = [f"returning_s: {layout.returning_s:g}\nunlisted: {layout.unlisted}\npassages:"]
    for one in layout.passages:
        first, second = one.between
        lines.append(
            f"- {{between: [{first}, {second}], min_s: {one.min_s:.2f}, max_s: {one.max_s:.2f}}}"
        )
    path.write_text("\n".join(lines))


def _centre_words(
    broker: Server, gallery: str, layout: Path, names: Sequence[str], overrides: Sequence[str]
) -> list[str]:
    words = ["reid_tracker.cli.program", "central", "--broker", f"nats://127.0.0.1:{broker.port}"]
    words += ["--gallery", gallery, "--topology", str(layout), "--fingerprint", ENCODER]
    words += [word for name in names for word in ("--site", name)]
    return words + [word for text in overrides for word in ("--set", text)]


def _started(words: list[str], log: Any, stack: ExitStack) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", *words],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
    )
    stack.callback(process.wait)
    stack.callback(process.kill)
    return process
