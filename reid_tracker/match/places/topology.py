"""The topology of cameras: which views overlap, and how long people take between cameras.

It is written as YAML:

    passages:
    - between: [door, hall]
      min_s: 2
      max_s: 30
    - between: [hall, hall-east]
      overlap: true
    returning_s: 60
    unlisted: closed

Passages hold in both directions.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from reid_tracker.arrays import BoolArray, FloatArray, IntArray
from reid_tracker.config.checked import Checked, number, shown
from reid_tracker.errors import ConfigError
from reid_tracker.match.places.files import load_checked, save_checked

UNLISTED = ("open", "closed")


class Reach(NamedTuple):
    """The cameras from which people come to a camera directly, and their travel times.

    Attributes:
        sources: (S,) int64 camera numbers, ascending; the camera itself may be one.
        min_s: (S,) minimum seconds.
        max_s: (S,) maximum seconds.
        overlap: (S,) bool; both cameras may see a person at the same time.
    """

    sources: IntArray
    min_s: FloatArray
    max_s: FloatArray
    overlap: BoolArray


class TravelTimes(NamedTuple):
    """The topology of C cameras as symmetric tables.

    Attributes:
        min_s: (C, C) minimum seconds between leaving one camera and entering the other.
        max_s: (C, C) maximum seconds; -inf if nobody goes there directly.
        overlap: (C, C) bool; both cameras may see a person at the same time.
    """

    min_s: FloatArray
    max_s: FloatArray
    overlap: BoolArray

    def reach(self, camera: int) -> Reach:
        """Return the cameras from which people come to a camera directly."""
        sources = np.flatnonzero(self.max_s[camera] >= 0)
        return Reach(
            sources,
            min_s=self.min_s[camera, sources],
            max_s=self.max_s[camera, sources],
            overlap=self.overlap[camera, sources],
        )


@dataclass(frozen=True)
class Passage(Checked):
    """The way between two cameras.

    Attributes:
        between: the two cameras; the same camera twice says how soon people return to it.
        min_s: minimum time from leaving one camera to entering the other, seconds.
        max_s: maximum time, seconds; null means no limit.
        overlap: the views overlap: both may see a person at once.
    """

    between: tuple[str, ...] = ()
    min_s: float = number(0.0, 0.0)
    max_s: float | None = number(None, 0.0)
    overlap: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        names = shown(", ".join(self.between), str)
        if len(self.between) != 2:
            raise ConfigError(f"between = [{names}]: expected two cameras, e.g. [door, hall]")
        if self.max_s is not None and self.max_s < self.min_s:
            raise ConfigError(f"max_s = {self.max_s:g}: expected at least min_s = {self.min_s:g}")
        if self.overlap and self.min_s > 0:
            raise ConfigError(
                f"min_s = {self.min_s:g} between [{names}]: expected 0, since the views overlap"
            )


@dataclass(frozen=True)
class Topology(Checked):
    """How cameras lie to each other. The default, `Topology()`, forbids nothing across cameras.

    Attributes:
        passages: ways between cameras, at most one per pair.
        returning_s: maximum time until a person returns to the camera that saw them last, unless a
            passage says otherwise, seconds; null means no limit.
        unlisted: pairs of cameras without a passage. "open": people may take any time between them
            and be seen by both at once; "closed": nobody goes directly from one to the other.
    """

    passages: tuple[Passage, ...] = ()
    returning_s: float | None = number(None, 0.0)
    unlisted: str = "open"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.unlisted not in UNLISTED:
            raise ConfigError(f"unlisted = {shown(self.unlisted)}: expected 'open' or 'closed'")
        seen: set[frozenset[str]] = set()
        for passage in self.passages:
            pair = frozenset(passage.between)
            if pair in seen:
                names = ", ".join(passage.between)
                raise ConfigError(f"between = [{names}]: listed twice; keep one of them")
            seen.add(pair)

    @functools.cached_property
    def _from(self) -> dict[str, list[Passage]]:
        """Passages by their first camera."""
        found: dict[str, list[Passage]] = {}
        for passage in self.passages:
            found.setdefault(passage.between[0], []).append(passage)
        return found

    def travel_times(self, cameras: Sequence[str]) -> TravelTimes:
        """Return the tables of C distinct cameras, in this order.

        A topology may describe more cameras than a run has; passages of others are left out.
        """
        count = len(cameras)
        is_open = self.unlisted == "open"
        min_s = np.zeros((count, count))
        max_s = np.full((count, count), math.inf if is_open else -math.inf)
        overlap = np.full((count, count), is_open)
        np.fill_diagonal(max_s, _limit(self.returning_s))
        # Two tracks of one camera at the same time are two people.
        np.fill_diagonal(overlap, False)
        place = {camera: row for row, camera in enumerate(cameras)}
        for a, camera in enumerate(cameras):
            for passage in self._from.get(camera, ()):
                b = place.get(passage.between[1], -1)
                if b < 0:
                    continue
                min_s[a, b] = min_s[b, a] = passage.min_s
                max_s[a, b] = max_s[b, a] = _limit(passage.max_s)
                overlap[a, b] = overlap[b, a] = passage.overlap and a != b
        return TravelTimes(min_s, max_s, overlap)


def load_topology(path: str | Path) -> Topology:
    """Read a topology from a YAML file.

    Raises:
        ConfigError: the file is missing, is not YAML, or holds a value that is not allowed.
    """
    return load_checked(Topology, path)


def save_topology(topology: Topology, path: str | Path, head: str = "") -> None:
    """Write a topology as YAML that `load_topology` reads back to an equal object.

    Args:
        topology: to write.
        path: the file; replaced if it exists.
        head: comment lines, each beginning with "#" and ending with a newline.

    Raises:
        OutputError: the file cannot be written.
    """
    save_checked(topology, path, head)


def _limit(seconds: float | None) -> float:
    return math.inf if seconds is None else seconds
