"""Resources of processes from /proc, and their growth; for the soak benchmark."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

_PROC = Path("/proc")


@dataclass(frozen=True)
class Held:
    """Resources of one or more processes at one moment.

    Attributes:
        rss_mib: resident memory.
        anonymous_mib: that part of it which no file is behind: where leaks show.
        threads: number.
        descriptors: open files, sockets and pipes.
    """

    rss_mib: float
    anonymous_mib: float
    threads: int
    descriptors: int

    def __add__(self, other: Held) -> Held:
        return Held(
            self.rss_mib + other.rss_mib,
            self.anonymous_mib + other.anonymous_mib,
            self.threads + other.threads,
            self.descriptors + other.descriptors,
        )


NOTHING = Held(0.0, 0.0, 0, 0)


def held_by(pid: int) -> Held:
    """Return the resources of a process; zeros if it has ended."""
    with contextlib.suppress(OSError, KeyError):
        lines = (_PROC / str(pid) / "status").read_text().splitlines()
        fields = dict(line.split(":", 1) for line in lines)
        kib = {name: int(fields[name].split()[0]) for name in ("VmRSS", "RssAnon")}
        descriptors = len(list((_PROC / str(pid) / "fd").iterdir()))
        return Held(kib["VmRSS"] / 1024, kib["RssAnon"] / 1024, int(fields["Threads"]), descriptors)
    return NOTHING


def held_by_family(pid: int) -> Held:
    """Return what a process and all below it hold; memory that they share counts for each."""
    children: dict[int, list[int]] = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, IndexError):
                # The name, in parentheses, may hold spaces.
                rest = (entry / "stat").read_text().rpartition(")")[2].split()
                children.setdefault(int(rest[1]), []).append(int(entry.name))
    total, left = NOTHING, [pid]
    while left:
        one = left.pop()
        total += held_by(one)
        left += children.get(one, [])
    return total


@dataclass(frozen=True)
class Slope:
    """Growth over time.

    Attributes:
        per_hour: growth in an hour.
        error: its standard error; infinite where there are fewer than three samples.
    """

    per_hour: float
    error: float

    @property
    def least(self) -> float:
        """What it grows by at least, at 95 %."""
        return self.per_hour - 1.96 * self.error

    def __str__(self) -> str:
        return f"{self.per_hour:+.1f} ± {self.error:.1f}"


def slope_of(times_s: npt.ArrayLike, values: npt.ArrayLike) -> Slope:
    """Fit a line by least squares.

    Samples that follow each other are alike, which makes the plain error too small: it is that of
    as many samples as there are independent ones, by the correlation of neighbours.

    Args:
        times_s: (N,) seconds.
        values: (N,) at these times.
    """
    hours = np.asarray(times_s, np.float64) / 3600
    if len(hours) < 3:
        return Slope(0.0, math.inf)
    centred: npt.NDArray[np.float64] = hours - hours.mean()
    spread = float(centred @ centred)
    found = np.asarray(values, np.float64)
    slope = float(centred @ found) / spread
    rest = found - found.mean() - slope * centred
    power = float(rest @ rest)
    alike = 0.0 if power == 0 else min(max(float(rest[1:] @ rest[:-1]) / power, 0.0), 0.99)
    independent = max(len(rest) * (1 - alike) / (1 + alike), 3.0)
    variance = power / len(rest) * independent / max(independent - 2, 1.0)
    return Slope(slope, math.sqrt(variance * len(rest) / independent / spread))


def least_growth(values: Sequence[int]) -> int:
    """Return by how much the least of the last third is above the least of the first third.

    What comes and goes, such as the connection of who asks, is in neither; a leak is in the last.
    """
    third = max(len(values) // 3, 1)
    return min(values[-third:]) - min(values[:third]) if values else 0
