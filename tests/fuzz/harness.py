"""One input to one target: what may come out, how long it may take, and how much memory.

A target calls code of the package with bytes that nobody checked. It may return, or raise an error
of the package whose message is one line; anything else is a finding.
"""

from __future__ import annotations

import re
import resource
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from reid_tracker.errors import ReidTrackerError

SLOW_S = 5.0
"""Processor time of one input above which it hangs."""

HUNGRY_MIB = 256
"""Growth of the process by one input that is too much."""

_LONGEST_MESSAGE = 4000
_STATUS = Path("/proc/self/status")
_ROOT = Path(__file__).resolve().parents[2]

Reader = Callable[[bytes], None]


def peak_mib() -> float:
    """Return the most memory that this process has had, resident, MiB."""
    if _STATUS.exists():
        # What getrusage tells begins with what the starting process had.
        found = re.search(r"VmHWM:\s*(\d+)", _STATUS.read_text())
        assert found is not None
        return int(found[1]) / 2**10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


@dataclass(frozen=True)
class Target:
    """Readers of one kind of input.

    Attributes:
        name: of the target.
        readers: by name; the first byte of an input chooses one.
        seeds: what each of them likes, made by code.
        most_bytes: longest input of the coverage-guided engine.
    """

    name: str
    readers: dict[str, Reader]
    seeds: dict[str, Sequence[bytes]]
    most_bytes: int = 16_384

    def __post_init__(self) -> None:
        assert self.readers.keys() == self.seeds.keys()

    def call(self, data: bytes) -> None:
        """Give an input to the reader that it chooses."""
        if data:
            list(self.readers.values())[data[0] % len(self.readers)](data[1:])

    def reader_of(self, data: bytes) -> str:
        """Return the name of that reader."""
        return list(self.readers)[data[0] % len(self.readers)] if data else "none"

    def inputs(self) -> list[bytes]:
        """Return all seeds as inputs."""
        return [
            bytes([number]) + seed
            for number, name in enumerate(self.readers)
            for seed in self.seeds[name]
        ]


@dataclass(frozen=True)
class Finding:
    """Something that must not be.

    Attributes:
        kind: "crash", "message", "slow" or "hungry".
        reader: that was called.
        where: type of the exception and the line of the package, or how much it was.
        data: the input.
        text: traceback, or nothing.
    """

    kind: str
    reader: str
    where: str
    data: bytes
    text: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """The same for findings that are one mistake, as far as a program can tell."""
        return self.kind, self.reader, self.where if self.kind in {"crash", "message"} else ""


@dataclass
class Watch:
    """Runs inputs and keeps what was found, the slowest and the largest.

    Attributes:
        target: to call.
        inputs: how many ran.
        refused: how many of them ended in an error of the package.
        slowest_s: processor time of the slowest.
        slowest: its reader.
        first_mib: memory of the process before the first input, resident.
        largest_mib: most memory of it since.
        findings: one each, by key.
    """

    target: Target
    inputs: int = 0
    refused: int = 0
    slowest_s: float = 0.0
    slowest: str = ""
    first_mib: float = field(default_factory=peak_mib)
    largest_mib: float = 0.0
    findings: dict[tuple[str, str, str], Finding] = field(default_factory=dict)

    def run(self, data: bytes) -> Finding | None:
        """Run one input; returns what is new about it."""
        reader = self.target.reader_of(data)
        before_mib, before_s = self.largest_mib or self.first_mib, time.thread_time()
        finding = self._call(reader, data)
        spent_s, self.largest_mib = time.thread_time() - before_s, peak_mib()
        self.inputs += 1
        if spent_s > self.slowest_s:
            self.slowest_s, self.slowest = spent_s, reader
        if finding is None and spent_s > SLOW_S:
            finding = Finding("slow", reader, f"{spent_s:.1f} s", data)
        if finding is None and self.largest_mib - before_mib > HUNGRY_MIB:
            finding = Finding("hungry", reader, f"{self.largest_mib - before_mib:.0f} MiB", data)
        if finding is None or finding.key in self.findings:
            return None
        self.findings[finding.key] = finding
        return finding

    def _call(self, reader: str, data: bytes) -> Finding | None:
        try:
            self.target.call(data)
        except ReidTrackerError as error:
            self.refused += 1
            message = str(error)
            if len(message.splitlines()) == 1 and len(message) <= _LONGEST_MESSAGE:
                return None
            return Finding("message", reader, place(error), data, traceback.format_exc())
        except Exception as error:
            return Finding("crash", reader, place(error), data, traceback.format_exc())
        return None


def place(error: BaseException) -> str:
    """Return the type of an exception and the last line of this project that it came through."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(_ROOT)]
    last = own[-1] if own else frames[-1]
    return f"{type(error).__name__} in {Path(last.filename).name}:{last.name}"
