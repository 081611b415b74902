"""How many cameras a centre serves: simulated camera hosts, a real broker, `reid-track central`.

    python -m tests.benchmarks.centre_load [--cameras N ...] [--centres 1 2] [--gallery KIND]

Messages of simulated people (`load_world`) are encoded before the run. One process (`load_sender`)
publishes them at their times to a NATS server with JetStream. The centre is a separate process with
its default configuration, a topology and a new gallery. All figures cover `--seconds` after
`--warm` seconds. All processes share this machine, so the machine itself may be the bottleneck.

- offered/s, taken/s: messages published, and messages acknowledged by the centre, per second. A
  centre that keeps up takes everything; "behind" counts the messages that wait in the broker at the
  end. At saturation, taken/s is the capacity of the centre.
- p50, p99: from the publish of a tracklet's first message to the first identity event that names
  it, as a host receives it. It includes `central.window_s`, and `match.patience_s` for ambiguous
  tracklets; "p50 - window" excludes the window. Tracklets without an event at the end count as the
  longest time: ">".
- µs/message: processor time of the centre per message; it depends least on the load of the machine.
- centre, broker, database, sender: used cores (processor time per second). Only PostgreSQL is a
  separate database; SQLite runs in the centre. "others" is the rest of the machine.
- MB: resident memory of the centres at the end. rows: sightings in the gallery.
- IDF1: score of the final identities by tracklet, as in `city`.
- late s: delay of the sender, 99th percentile.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from reid_tracker.central.records import Key
from tests.benchmarks.city import idf1
from tests.benchmarks.load_rig import Rig, Sample, Setting, begin, sample, until_subscribed
from tests.benchmarks.load_sender import write_world
from tests.benchmarks.load_world import LoadModel, Site, sites

FloatArray = npt.NDArray[np.float64]

_SETTLE_S = 12.0
"""Waited after the last message: window, patience and what little is behind."""

_BASE_S = 1_764_000_000.0


@dataclass(frozen=True, eq=False)
class Outcome:
    """A run.

    Attributes:
        before: at the end of the warm-up.
        after: at the end.
        latency_s: (N,) of tracklets that began between; inf without an event.
        offered: messages sent between.
        slowest_s: by which the sender was behind its times, 99th percentile.
        memory: bytes of the centres.
        rows: sightings in the galleries.
        score: IDF1.
    """

    before: Sample
    after: Sample
    latency_s: FloatArray
    offered: int
    slowest_s: float
    memory: int
    rows: int
    score: float


async def measure(rig: Rig, places: list[Site], world: Path, setting: Setting) -> Outcome:
    """Send everything, and listen.

    Args:
        rig: started.
        places: the sites.
        world: folder of their messages.
        setting: warm-up and length.
    """
    import nats

    heard: list[tuple[float, bytes]] = []

    async def hear(message: Any) -> None:
        heard.append((time.time(), message.data))

    client = await nats.connect(rig.address, pending_size=2**26)
    stream = client.jetstream()
    await client.subscribe(
        "reid.v1.*.identity", cb=hear, pending_bytes_limit=-1, pending_msgs_limit=-1
    )
    await until_subscribed(rig, stream)
    start_s = await asyncio.to_thread(begin, rig.sender)
    await asyncio.sleep(start_s + setting.warm_s - time.time())
    before = await sample(rig, stream)
    await asyncio.sleep(start_s + setting.warm_s + setting.seconds - time.time())
    after = await sample(rig, stream)
    await asyncio.to_thread(rig.sender.wait, 120)
    await asyncio.sleep(_SETTLE_S)
    memory = rig.memory()
    await client.close()
    sent_s = np.load(world / "sent.npy")
    inside = (sent_s >= before.at_s) & (sent_s < after.at_s)
    late_s = (sent_s - start_s - np.load(world / "due.npy"))[inside]
    found = _first_heard(heard)
    began = [
        (float(sent_s[number]), found.get(tuple(key), np.inf))
        for number, *key in json.loads((world / "firsts.json").read_text())
        if inside[number]
    ]
    rig.stop_centres()
    return Outcome(
        before=before,
        after=after,
        latency_s=np.array([told_s - at_s for at_s, told_s in began]),
        offered=int(inside.sum()),
        slowest_s=float(np.percentile(late_s, 99)),
        memory=memory,
        rows=rig.rows(),
        score=_score(places, heard),
    )


def line(cameras: int, setting: Setting, outcome: Outcome) -> str:
    """Format a row of the table."""
    before, after = outcome.before, outcome.after
    passed_s = after.at_s - before.at_s
    cores = {name: (after.cpu[name] - before.cpu[name]) / passed_s for name in after.cpu}
    taken = after.taken - before.taken
    others = (after.machine - before.machine) / passed_s - sum(cores.values())
    median, high = np.quantile(outcome.latency_s, (0.5, 0.99), method="higher").tolist()
    longest = passed_s + _SETTLE_S
    window_s = 2.0
    for one in setting.overrides:
        if one.startswith("central.window_s="):
            window_s = float(one.partition("=")[2])
    cells = (
        f"{cameras:,}",
        f"{setting.centres}",
        f"{outcome.offered / passed_s:,.0f}",
        f"{taken / passed_s:,.0f}",
        f"{after.behind:,}",
        *(f"{one:.2f}" if one < np.inf else f">{longest:.0f}" for one in (median, high)),
        f"{median - window_s:.2f}" if median < np.inf else "-",
        f"{cores['centre'] * passed_s / max(taken, 1) * 1e6:,.0f}",
        *(f"{cores[name]:.2f}" for name in ("centre", "broker", "database", "sender")),
        f"{max(others, 0):.2f}",
        f"{outcome.memory / 1e6:,.0f}",
        f"{outcome.rows:,}",
        f"{outcome.score:.3f}",
        f"{outcome.slowest_s:.2f}",
    )
    return f"| {' | '.join(cells)} |"


HEAD = (
    "| cameras | centres | offered/s | taken/s | behind | p50 s | p99 s | p50 - window | "
    "µs/message | centre | broker | database | sender | others | MB | rows | IDF1 | late s |"
)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Put a centre under load.")
    parser.add_argument("--cameras", type=int, nargs="+", default=[100, 1000, 10_000])
    parser.add_argument("--centres", type=int, nargs="+", default=[1])
    parser.add_argument("--gallery", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--warm", type=float, default=20.0)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--sites", type=int, default=0, help="minimum number of sites")
    parser.add_argument("--worlds", type=Path, help="folder that caches the messages")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    arguments = parser.parse_args()
    print(f"# {arguments.gallery}, {arguments.seconds:g} s, {LoadModel()}, {arguments.set}")
    print(f"{HEAD}\n|{'--:|' * (HEAD.count('|') - 1)}")
    for cameras in arguments.cameras:
        for centres in arguments.centres:
            setting = Setting(
                *(centres, arguments.gallery, arguments.warm, arguments.seconds),
                overrides=tuple(arguments.set),
            )
            least = max(arguments.sites, *arguments.centres)
            print(
                line(cameras, setting, run(cameras, least, setting, arguments.worlds)), flush=True
            )


def run(cameras: int, least: int, setting: Setting, worlds: Path | None) -> Outcome:
    """Make the messages of as many cameras, unless they are there, and put centres under load."""
    long_s = setting.warm_s + setting.seconds
    places = sites(cameras, long_s, _BASE_S, least=least)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="reid-load-")))
        world = (worlds or folder) / f"{cameras}-cameras-{len(places)}-sites-{long_s:g}-s"
        if not (world / "firsts.json").exists():
            _write(world, places, long_s)
        rig = Rig(folder, places, world, setting, stack)
        try:
            return asyncio.run(measure(rig, places, world, setting))
        except BaseException:
            sys.stderr.write(rig.log.read_text())
            raise


def _write(world: Path, places: list[Site], long_s: float) -> None:
    parts = (one for place in places for one in place.messages() if one.due_s < long_s)
    write_world(world, sorted(parts, key=lambda one: one.due_s))


def _members(heard: list[tuple[float, bytes]]) -> Iterator[tuple[float, tuple[str, int], Key]]:
    """Yield when, who by which start of which site's centre, and which tracklet."""
    for at_s, data in heard:
        event = json.loads(data)
        for one in event["members"]:
            who = event["boot"], event["identity"]
            yield at_s, who, (one["edge"], one["boot"], one["camera"], one["track"])


def _first_heard(heard: list[tuple[float, bytes]]) -> dict[tuple[Any, ...], float]:
    """Return when each tracklet was first named."""
    found: dict[tuple[Any, ...], float] = {}
    for at_s, _, key in _members(heard):
        found.setdefault(key, at_s)
    return found


def _score(places: list[Site], heard: list[tuple[float, bytes]]) -> float:
    """Return the IDF1 of all tracklets that were named."""
    last = {key: who for _, who, key in _members(heard)}
    numbers = {who: number for number, who in enumerate(dict.fromkeys(last.values()), 1)}
    people = {
        key: (number, person)
        for number, place in enumerate(places)
        for key, person in place.truth().items()
    }
    if not last:
        return 0.0
    truth = [people[key][0] * 10**6 + people[key][1] for key in last]
    return idf1(np.array(truth), np.array([numbers[who] for who in last.values()]))


if __name__ == "__main__":
    main()
