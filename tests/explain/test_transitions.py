"""The matrix of transitions: people, median times, and names."""

from __future__ import annotations

import pytest

from reid_tracker.explain.transitions import transition_sheet
from reid_tracker.match import Sighting
from tests.explain.run_samples import CAMERAS, SIGHTINGS, texts


def test_transitions_count_people_and_say_how_long_they_took() -> None:
    shown = texts(transition_sheet(SIGHTINGS, CAMERAS))
    # Both people went from the door to the hall: one after 10 s, the other was seen by both.
    at = shown.index("2")
    assert shown[at + 1 : at + 3] == ["median 10 s", "1 at once"]
    assert "median 45 s" in shown  # back to the door
    assert shown.count("nobody") == 9 - 2


def test_nobody_moved() -> None:
    assert texts(transition_sheet([], CAMERAS)).count("nobody") == 9


def test_only_twelve_cameras_are_shown() -> None:
    names = [f"camera number {number}" for number in range(14)]
    shown = texts(transition_sheet([Sighting(names[0], 1, 0, 5)], names))
    assert any("2 more cameras are not shown" in text for text in shown)
    assert shown.count("camera number \u2026") == pytest.approx(2 * 2)
