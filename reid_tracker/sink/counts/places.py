"""Lines and zones in the image at which people are counted, from options and YAML files."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from reid_tracker.config import read_yaml
from reid_tracker.config.checked import Checked, from_mapping, shown
from reid_tracker.errors import ConfigError
from reid_tracker.types import VideoInfo

_LARGEST = 16_384  # pixels, while the image size is unknown
_NUMBERS = re.compile(r"[-+.\deE,; ]+")


@dataclass(frozen=True)
class CountingLine(Checked):
    """A line; looking from `start` to `end`, people who cross it to the left count as "in".

    Attributes:
        name: unique in its camera; the same name in several cameras is one place that they see.
        camera: its camera; may be empty in a run of one camera.
        start: x and y in pixels.
        end: x and y in pixels.
    """

    name: str = ""
    camera: str = ""
    start: tuple[float, ...] = ()
    end: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        _check("line", self.name, self.points, 2)

    @property
    def points(self) -> tuple[tuple[float, ...], ...]:
        """Both ends."""
        return self.start, self.end


@dataclass(frozen=True)
class CountingZone(Checked):
    """An area, closed from the last point to the first.

    Attributes:
        name: unique in its camera; the same name in several cameras is one place that they see.
        camera: its camera; may be empty in a run of one camera.
        points: at least three; x and y of each in pixels.
    """

    name: str = ""
    camera: str = ""
    points: tuple[tuple[float, ...], ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        _check("zone", self.name, self.points, 3)


@dataclass(frozen=True)
class CountingPlaces(Checked):
    """The lines and zones of all cameras.

    Attributes:
        lines: in the order in which they are shown.
        zones: in the order in which they are shown.
    """

    lines: tuple[CountingLine, ...] = ()
    zones: tuple[CountingZone, ...] = ()

    def __iter__(self) -> Iterator[CountingLine | CountingZone]:
        yield from self.lines
        yield from self.zones

    def of(self, camera: str) -> CountingPlaces:
        """Return the lines and zones of one camera."""
        return CountingPlaces(
            tuple(line for line in self.lines if line.camera == camera),
            tuple(zone for zone in self.zones if zone.camera == camera),
        )


def read_places(lines: Sequence[str], zones: Sequence[str]) -> CountingPlaces:
    """Parse the values of `--line` and `--zone`.

    Args:
        lines: each NAME=X1,Y1,X2,Y2, or only the numbers, or a YAML file.
        zones: each NAME=X1,Y1,X2,Y2,X3,Y3..., or only the numbers, or a YAML file. Either option
            reads both the lines and the zones of a file.

    Raises:
        ConfigError: a file or a number is wrong.
    """
    files = {Path(text): None for text in (*lines, *zones) if not _is_typed(text)}
    read = [load_places(path) for path in files]
    typed = [_typed(text, "line", number) for number, text in enumerate(lines, 1)]
    areas = [_typed(text, "zone", number) for number, text in enumerate(zones, 1)]
    return CountingPlaces(
        (
            *(line for one in read for line in one.lines),
            *(CountingLine(name, "", *points) for name, points in filter(None, typed)),
        ),
        (
            *(zone for one in read for zone in one.zones),
            *(CountingZone(name, "", points) for name, points in filter(None, areas)),
        ),
    )


def load_places(path: Path) -> CountingPlaces:
    """Read a YAML file with `lines:` and `zones:`.

    Raises:
        ConfigError: the file is missing or wrong.
    """
    try:
        return from_mapping(CountingPlaces, read_yaml(path))
    except ConfigError as error:
        raise ConfigError(f"{shown(path, str)}: {error}") from None


def check_places(places: CountingPlaces, cameras: Mapping[str, VideoInfo]) -> CountingPlaces:
    """Fill in the camera of each place, and check that all places fit the cameras of a run.

    Args:
        places: as read.
        cameras: of the run; a network camera without a picture yet has size 0.

    Raises:
        ConfigError: a camera is unknown, a name is used twice, or a point is outside the image.
    """
    only = next(iter(cameras)) if len(cameras) == 1 else ""
    placed = CountingPlaces(
        tuple(replace(line, camera=line.camera or only) for line in places.lines),
        tuple(replace(zone, camera=zone.camera or only) for zone in places.zones),
    )
    known = set()
    for place in placed:
        what = f"{_kind(place)} '{shown(place.name, str)}'"
        if place.camera not in cameras:
            given = f"of camera '{shown(place.camera, str)}'" if place.camera else "names no camera"
            raise ConfigError(f"{what} {given}; the cameras of this run: {', '.join(cameras)}")
        if (place.camera, place.name) in known:
            raise ConfigError(
                f"{what} occurs twice in camera '{shown(place.camera, str)}'; choose another name"
            )
        known.add((place.camera, place.name))
        info = cameras[place.camera]
        width, height = info.width or _LARGEST, info.height or _LARGEST
        for x, y in place.points:
            if not (0 <= x <= width and 0 <= y <= height):
                raise ConfigError(
                    f"{what} has a point at {x:g},{y:g}, outside the picture of camera "
                    f"'{shown(place.camera, str)}'; expected x up to {width} and y up to {height}"
                )
    return placed


def _kind(place: CountingLine | CountingZone) -> str:
    return "line" if isinstance(place, CountingLine) else "zone"


def _is_typed(text: str) -> bool:
    return _NUMBERS.fullmatch(text.rpartition("=")[2]) is not None


def _typed(text: str, kind: str, number: int) -> tuple[str, tuple[tuple[float, ...], ...]] | None:
    """Parse NAME=X,Y,X,Y into name and points; None if the text is a file name."""
    if not _is_typed(text):
        return None
    name, _, numbers = text.rpartition("=")
    try:
        values = [float(part) for part in re.split("[,; ]+", numbers.strip(",; "))]
    except ValueError:
        values = []
    points = tuple(zip(values[::2], values[1::2], strict=False))
    if len(values) % 2 or (len(points) != 2 if kind == "line" else len(points) < 3):
        expected = "NAME=X1,Y1,X2,Y2" if kind == "line" else "NAME=X1,Y1,X2,Y2,X3,Y3 or more"
        raise ConfigError(f"--{kind} {shown(text, str)}: expected {expected}, or a YAML file")
    return name or f"{kind} {number}", points


def _check(kind: str, name: str, points: Iterable[tuple[float, ...]], least: int) -> None:
    what, distinct = f"{kind} '{shown(name, str)}'", set(points)
    if not name:
        raise ConfigError(f"a {kind} has no name; expected name: and a text")
    if not all(len(point) == 2 and all(map(math.isfinite, point)) for point in distinct):
        raise ConfigError(f"{what}: expected points of two numbers, x and y in pixels")
    if len(distinct) < least:
        raise ConfigError(f"{what} has {len(distinct)} different points, expected {least} or more")
