"""Soak: network cameras, a camera host, a broker, a centre and a gallery for some time.

    python -m tests.benchmarks.soak --minutes 20 --cameras 8 --fps 2
    python -m tests.benchmarks.soak --minutes 20 --gallery postgres

All are real processes: an RTSP server that loops parts of the demo clip, `reid-track edge`,
nats-server, `reid-track central`, and optionally PostgreSQL. /proc shows their resources, their
metrics show what they do. Sightings and tracklets are kept only for minutes, so memory must be
constant after the warm-up. Prints a table by minute and a verdict; exits with 1 if a limit is
exceeded.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.soak_samples import (
    Held,
    held_by,
    held_by_family,
    least_growth,
    slope_of,
)
from tests.cli.site import ENCODER, Program, write_people
from tests.match.gallery.server import Server as Postgres
from tests.transport.servers import PASSWORD, USER, free_port, nats_server
from tests.video.rtsp import Camera

SITE = "hall"
_EVERY_S = 10.0
_LONGEST_START_S = 180.0
_CLIP_FRAMES, _CLIP_RATE = 795, 10
_PART_S = 30
"""Length of what a camera shows before it begins again."""

JUDGED = ("edge", "centre")
"""Our own processes; what the servers hold is printed, too."""


@dataclass(frozen=True)
class Limits:
    """Limits of a soak test.

    Attributes:
        growth_mib_h: growth of anonymous memory of a process, MiB in an hour, by the lower end of
            its 95 % interval.
        more: threads and descriptors.
        age_s: age of the newest frame of any camera.
        waiting: messages on the disk of the camera host, or in the broker.
    """

    growth_mib_h: float = 20.0
    more: int = 0
    age_s: float = 5.0
    waiting: int = 500


@dataclass
class Sample:
    """The state at one moment.

    Attributes:
        at_s: since the start of the measurement.
        held: by process.
        edge: metrics of the camera host; empty where it did not answer.
        centre: metrics of the centre; likewise.
    """

    at_s: float
    held: dict[str, Held]
    edge: dict[str, float]
    centre: dict[str, float]

    def total(self, name: str) -> float:
        """Return a metric of the camera host, summed over its labels."""
        return sum(_named(self.edge, name), 0.0)

    def most(self, name: str) -> float:
        """Return the largest of a metric of the camera host over its labels; NaN without any."""
        return max(_named(self.edge, name), default=float("nan"))

    def central(self, name: str) -> float:
        """Return a metric of the centre, summed over its labels."""
        return sum(_named(self.centre, name), 0.0)


def _named(metrics: dict[str, float], name: str) -> list[float]:
    return [value for key, value in metrics.items() if key.split("{")[0] == f"reid_{name}"]


@dataclass
class Soak:
    """The processes of a soak test; all end with it.

    Args:
        folder: for all files.
        cameras: how many.
        fps: frames a second of each, of 1, 2, 5 and 10.
        gallery: "sqlite" or "postgres".
        keep_s: how long sightings and tracklets are kept.
    """

    folder: Path
    cameras: int
    fps: int
    gallery: str
    keep_s: float
    stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Soak:
        with ExitStack() as stack:
            self.stack = stack
            self._start()
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self.stack.close()

    def _start(self) -> None:
        self.broker = nats_server(self.folder / "nats")
        self.stack.callback(self.broker.kill)
        address = str(self.folder / "people.sqlite")
        self.database: Postgres | None = None
        if self.gallery == "postgres":
            self.database = Postgres()
            self.stack.callback(self.database.stop)
            address = self.database.address
        self.rtsp = Camera(self._streams())
        self.stack.callback(self.rtsp.kill)
        shared = ["--encoder", ENCODER, *self._shared()]
        self.centre = self._program(
            *("central", "--site", SITE, "--gallery", address, *shared),
            *("--retention-h", str(self.keep_s / 3600)),
            *("--set", f"match.memory_s={self.keep_s}"),
        )
        self.edge = self._program(
            *("edge", self._list(), "--config", "edge", "--site", SITE, "--edge", "e1", *shared),
            *("--spool", str(self.folder / "spool.sqlite"), "--device", "cpu"),
            *("--set", "stream.hardware=none"),
        )

    def _shared(self) -> list[str]:
        secret = self.folder / "secret"
        secret.write_text(f"{USER}:{PASSWORD}\n")
        settings = {
            "transport.address": f"nats://127.0.0.1:{self.broker.port}",
            "transport.credentials": str(secret),
            # Full within the warm-up, too: the server keeps parts of it in memory.
            "transport.stream_bytes": str(16 * 2**20),
        }
        return [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]

    def _streams(self) -> dict[str, Path]:
        frames = _PART_S * self.fps
        room = _CLIP_FRAMES - _PART_S * _CLIP_RATE
        return {
            f"c{number}": write_people(
                self.folder / f"c{number}.mp4",
                rate=self.fps,
                frames=frames,
                start=room * number // max(self.cameras - 1, 1),
            )
            for number in range(self.cameras)
        }

    def _list(self) -> str:
        path = self.folder / "cameras.yaml"
        names = [f"c{number}" for number in range(self.cameras)]
        lines = [f"- {{name: {name}, url: '{self.rtsp.url(name)}'}}" for name in names]
        path.write_text("\n".join(["cameras:", *lines, ""]))
        return str(path)

    def _program(self, *words: str) -> Program:
        program = Program(words, free_port())
        self.stack.callback(program.kill)
        return program

    def wait(self) -> None:
        """Wait until every camera is live, and the centre has taken a message.

        Raises:
            SystemExit: not in time, or a process ended.
        """
        self._until(lambda: self._live() == self.cameras, "all cameras are live")
        self._until(lambda: self.centre.metric("messages_total") > 0, "the centre has messages")

    def _live(self) -> float:
        return self.edge.metric("camera_up")

    def _until(self, true: Callable[[], bool], what: str) -> None:
        end_s = time.monotonic() + _LONGEST_START_S
        while not true():
            if time.monotonic() > end_s or self.broken():
                lines = [*self.edge.lines, *self.centre.lines]
                raise SystemExit(f"not within {_LONGEST_START_S:g} s: {what}: {lines[-20:]}")
            time.sleep(0.2)

    def broken(self) -> list[str]:
        """Return the names of our processes that have ended."""
        programs = {"edge": self.edge, "centre": self.centre}
        return [name for name, one in programs.items() if held_by(one.pid).threads == 0]

    def sample(self, begun_s: float) -> Sample:
        """Sample all processes and metrics."""
        held = {
            "edge": held_by(self.edge.pid),
            "centre": held_by(self.centre.pid),
            "broker": held_by(self.broker.pid),
            "cameras": held_by(self.rtsp.pid),
        }
        if self.database is not None:
            held["database"] = held_by_family(self.database.process_id)
        at_s = time.monotonic() - begun_s
        return Sample(at_s, held, self.edge.metrics(), self.centre.metrics())

    def end(self) -> list[str]:
        """End camera host and centre as systemd does; returns what was wrong with that."""
        wrong = []
        for name, program in (("edge", self.edge), ("centre", self.centre)):
            code = program.stop()
            if code != 128 + signal.SIGTERM:
                wrong.append(f"{name} ended with {code}")
            if any("Traceback" in line for line in program.lines):
                wrong.append(f"{name} logged a traceback")
        return wrong


def measure(soak: Soak, seconds: float) -> list[Sample]:
    """Sample for a time; stop early if a process ends."""
    begun_s = time.monotonic()
    samples: list[Sample] = []
    while time.monotonic() - begun_s < seconds and not soak.broken():
        samples.append(soak.sample(begun_s))
        due_s = begun_s + len(samples) * _EVERY_S
        time.sleep(max(min(due_s, begun_s + seconds) - time.monotonic(), 0.0))
    samples.append(soak.sample(begun_s))
    return samples


def by_minute(samples: Sequence[Sample]) -> str:
    """Return a table with a row per minute: mean resources, worst values of the rest."""
    names = list(samples[0].held)
    head = ["minute", *(f"{name} MiB" for name in names)]
    head += [f"{name} threads / files" for name in JUDGED]
    head += ["frames/s", "dropped", "reconnects", "oldest frame s", "on disk", "in broker"]
    head += ["matched", "identities"]
    lines = [f"| {' | '.join(head)} |", "|" + "--:|" * len(head)]
    minutes: dict[int, list[Sample]] = {}
    for sample in samples:
        minutes.setdefault(int(sample.at_s // 60), []).append(sample)
    before = samples[0]
    for minute, some in minutes.items():
        last = some[-1]
        cells = [f"{minute}"]
        cells += [f"{_mean([one.held[name].anonymous_mib for one in some]):.1f}" for name in names]
        for name in JUDGED:
            held = [one.held[name] for one in some]
            threads, files = [one.threads for one in held], [one.descriptors for one in held]
            cells.append(f"{_span(threads)} / {_span(files)}")
        spent_s = max(last.at_s - before.at_s, 1e-9)
        frames = last.total("frames_total") - before.total("frames_total")
        cells += [f"{frames / spent_s:.1f}"]
        cells += [
            f"{last.total(name):.0f}" for name in ("frames_dropped_total", "reconnects_total")
        ]
        cells += [f"{max(one.most('frame_age_seconds') for one in some):.2f}"]
        cells += [f"{max(one.total('spool_messages') for one in some):.0f}"]
        cells += [f"{max(one.central('broker_pending') for one in some):.0f}"]
        cells += [f"{last.central('messages_total'):.0f}", f"{last.central('identities'):.0f}"]
        lines.append(f"| {' | '.join(cells)} |")
        before = last
    return "\n".join(lines)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _span(values: Sequence[int]) -> str:
    low, high = min(values), max(values)
    return f"{low}" if low == high else f"{low} to {high}"


def judge(samples: Sequence[Sample], warm_s: float, limits: Limits) -> tuple[str, list[str]]:
    """Return a table of what was judged, and what broke a limit.

    Args:
        samples: of the whole run.
        warm_s: those before are not judged.
        limits: what is allowed.
    """
    kept = [one for one in samples if one.at_s >= warm_s] or list(samples[-1:])
    times_s = [one.at_s for one in kept]
    lines = ["| process | anonymous MiB/h | RSS MiB/h | most RSS MiB | threads | descriptors |"]
    lines.append("|---|--:|--:|--:|--:|--:|")
    wrong = []
    for name in samples[0].held:
        held = [one.held[name] for one in kept]
        memory = slope_of(times_s, [one.anonymous_mib for one in held])
        resident = slope_of(times_s, [one.rss_mib for one in held])
        more = {
            "threads": least_growth([one.threads for one in held]),
            "descriptors": least_growth([one.descriptors for one in held]),
        }
        most = max(one.rss_mib for one in held)
        grown = " | ".join(f"{count:+d}" for count in more.values())
        lines.append(f"| {name} | {memory} | {resident} | {most:.0f} | {grown} |")
        if name not in JUDGED:
            continue
        if memory.least > limits.growth_mib_h:
            wrong.append(f"{name} grows by {memory} MiB/h, limit {limits.growth_mib_h:g}")
        wrong += [
            f"{name} has {count} more {what}, limit {limits.more}"
            for what, count in more.items()
            if count > limits.more
        ]
    return "\n".join(lines), wrong + _judge_flow(samples, kept, limits)


def _judge_flow(samples: Sequence[Sample], kept: Sequence[Sample], limits: Limits) -> list[str]:
    wrong = []
    oldest_s = max(one.most("frame_age_seconds") for one in kept)
    if not oldest_s <= limits.age_s:
        wrong.append(f"the newest frame of a camera was {oldest_s:.1f} s old")
    waiting = {
        "on the camera host's disk": max(one.total("spool_messages") for one in kept),
        "in the broker": max(one.central("broker_pending") for one in kept),
    }
    wrong += [
        f"{count:.0f} messages wait {where}, limit {limits.waiting}"
        for where, count in waiting.items()
        if count > limits.waiting
    ]
    lost = samples[-1].central("edge_gaps_total") + samples[-1].total("spool_dropped_total")
    if lost:
        wrong.append(f"{lost:.0f} messages were lost")
    silent = sum(not one.edge or not one.centre for one in samples)
    if silent:
        wrong.append(f"{silent} of {len(samples)} times a status page did not answer within 5 s")
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--cameras", type=int, default=8)
    parser.add_argument("--fps", type=int, choices=[1, 2, 5, 10], default=2)
    parser.add_argument("--gallery", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--warm-minutes", type=float, default=5.0, help="not judged (5)")
    parser.add_argument(
        "--keep-minutes", type=float, default=2.0, help="sightings and tracklets are kept (2)"
    )
    parser.add_argument("--growth", type=float, default=20.0, help="MiB/h of a process (20)")
    parser.add_argument("--more", type=int, default=0, help="threads, descriptors (0)")
    parser.add_argument("--oldest", type=float, default=5.0, help="age of a newest frame, s (5)")
    words = parser.parse_args()
    # Else the processes would stay; SIGINT does the same by itself.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    limits = Limits(words.growth, words.more, words.oldest)
    with (
        tempfile.TemporaryDirectory(prefix="reid-soak-") as folder,
        Soak(
            Path(folder), words.cameras, words.fps, words.gallery, 60 * words.keep_minutes
        ) as soak,
    ):
        soak.wait()
        print(f"{words.cameras} cameras are live", file=sys.stderr, flush=True)
        samples = measure(soak, 60 * words.minutes)
        broken = [f"{name} ended by itself" for name in soak.broken()]
        wrong = broken or soak.end()
    table, found = judge(samples, 60 * words.warm_minutes, limits)
    wrong += found
    print(f"{by_minute(samples)}\n\nAfter {words.warm_minutes:g} minutes:\n\n{table}\n")
    print("\n".join(f"BROKEN: {text}" for text in wrong) or "All limits are kept.")
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    main()
