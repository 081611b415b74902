"""Sightings of a run over several cameras, and what a sheet shows."""

from __future__ import annotations

from reid_tracker.explain.sheet import Sheet, rgb
from reid_tracker.match import Sighting

CAMERAS = ["door", "$hall_", "yard"]
SIGHTINGS = [
    Sighting("door", 1, 0, 50),
    Sighting("$hall_", 1, 60, 100),
    Sighting("door", 2, 20, 40),
    Sighting("$hall_", 2, 30, 45),
    Sighting("door", 2, 90, 100),
    Sighting("yard", 0, 0, 100),
]


def part(sheet: Sheet, colour: str) -> float:
    """Return the part of a sheet's pixels that have this colour."""
    return float((sheet.pixels() == rgb(colour)).all(axis=2).mean())


def texts(sheet: Sheet) -> list[str]:
    return [text.get_text() for text in sheet._figure.texts]
