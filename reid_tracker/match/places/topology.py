"""How cameras lie to each other: which overlap, and how long people take from one to another.

The written form is YAML:

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
import numpy.typing as npt

from reid_tracker.config import read_yaml
from reid_tracker.config.checked import Checked, from_mapping, number, shown, to_yaml
from reid_tracker.errors import ConfigError, OutputError

FloatArray = npt.NDArray[np.float64]

UNLISTED = ("open", "closed")


class Reach(NamedTuple):
    """From where people come to a camera directly, and how long that takes.

    Attributes:
        sources: (S,) int64 numbers of the cameras, rising; the camera itself may be one.
        min_s: (S,) seconds that at least pass.
        max_s: (S,) seconds that at most pass.
        overlap: (S,) bool; whether both may see a person at the same time.
    """

    sources: npt.NDArray[np.int64]
    min_s: FloatArray
    max_s: FloatArray
    overlap: npt.NDArray[np.bool_]


class TravelTimes(NamedTuple):
    """Topology as tables over C cameras, symmetric.

    Attributes:
        min_s: (C, C) seconds that at least pass between leaving one and entering the other.
        max_s: (C, C) seconds that at most pass; -inf where nobody goes directly.
        overlap: (C, C) bool; whether both may see a person at the same time.
    """

    min_s: FloatArray
    max_s: FloatArray
    overlap: npt.NDArray[np.bool_]

    def reach(self, camera: int) -> Reach:
        """Return from where people come to a camera, by its number."""
        sources = np.flatnonzero(self.max_s[camera] >= 0)
        rows = (self.min_s[camera], self.max_s[camera], self.overlap[camera])
        return Reach(sources, *(row[sources] for row in rows))


@dataclass(frozen=True)
class Passage(Checked):
    """The way between two cameras.

    Attributes:
        between: the two cameras; the same one twice says how soon people come back.
        min_s: least time between the last sight in one and the first in the other, seconds.
        max_s: most time; null is no limit.
        overlap: the views overlap: a person may be seen by both at once.
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
    """Everything known of how cameras lie.

    The default, `Topology()`, knows nothing and forbids nothing across cameras.

    Attributes:
        passages: ways between cameras; a pair may be named once.
        returning_s: most time until a person comes back to the camera that saw them last, where no
            passage says otherwise; null is no limit.
        unlisted: "open": anybody may go from any camera to any other, in no time, and be seen by
            both at once; "closed": between cameras without a passage nobody goes directly.
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
                raise ConfigError(f"between = [{names}]: named twice; keep one of them")
            seen.add(pair)

    @functools.cached_property
    def _from(self) -> dict[str, list[Passage]]:
        """Passages by the first of their cameras."""
        found: dict[str, list[Passage]] = {}
        for passage in self.passages:
            found.setdefault(passage.between[0], []).append(passage)
        return found

    def travel_times(self, cameras: Sequence[str]) -> TravelTimes:
        """Return the tables for these cameras, in this order.

        Args:
            cameras: C distinct names. Passages of other cameras are left out: a topology may
                describe more cameras than a run has.
        """
        count = len(cameras)
        is_open = self.unlisted == "open"
        min_s = np.zeros((count, count))
        max_s = np.full((count, count), math.inf if is_open else -math.inf)
        overlap = np.full((count, count), is_open)
        np.fill_diagonal(max_s, _limit(self.returning_s))
        # A camera overlaps with itself in space, but two of its tracks at one time are two people.
        np.fill_diagonal(overlap, False)
        place = {camera: row for row, camera in enumerate(cameras)}
        # A file may describe many sites, of which these cameras are one.
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
        ConfigError: it is missing, not YAML, or says something that cannot be.
    """
    try:
        return from_mapping(Topology, read_yaml(Path(path)))
    except ConfigError as error:
        name = shown(path, str)
        raise ConfigError(str(error) if name in str(error) else f"{name}: {error}") from None


def save_topology(topology: Topology, path: str | Path, head: str = "") -> None:
    """Write a topology as YAML that `load_topology` reads back to an equal object.

    Args:
        topology: to write.
        path: the file; replaced if it exists.
        head: lines of comment, each beginning with "#" and ending with a newline.

    Raises:
        OutputError: the file cannot be written.
    """
    try:
        Path(path).write_text(head + to_yaml(topology), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write {shown(path, str)}: {error.strerror}") from None


def _limit(seconds: float | None) -> float:
    return math.inf if seconds is None else seconds
