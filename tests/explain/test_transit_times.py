"""Histograms of travel times, and the limits of the topology in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from reid_tracker.explain.sheet import RED
from reid_tracker.explain.transit_times import duration, transit_sheet
from reid_tracker.match import Passage, Topology, confident_links
from tests.explain.run_samples import SIGHTINGS, texts


def test_limits_are_drawn_where_the_topology_has_them() -> None:
    links = confident_links(SIGHTINGS, 0.5)
    (pair,) = links
    topology = Topology((Passage(pair.between, 5.0, 70.0),))
    sheet = transit_sheet(links, topology, learned=False)
    (chart,) = sheet._figure.axes
    lines = [line.get_xdata()[0] for line in chart.lines if line.get_color() == RED]
    assert lines == [5.0, 70.0]
    heights = [patch.get_height() for patch in chart.patches if patch.get_facecolor()[3] == 1]
    assert sum(heights) == len(pair.waits_s) == 3
    assert "allowed: 5.0 s to 1 min 10 s" in chart.texts[0].get_text()
    closed = transit_sheet(links, Topology(unlisted="closed"), learned=False)
    assert "no direct transition allowed" in closed._figure.axes[0].texts[0].get_text()


def test_no_pair_was_used(tmp_path: Path) -> None:
    sheet = transit_sheet([], Topology(), learned=True)
    assert "No person was seen by two cameras with certainty." in texts(sheet)
    assert sheet.save(tmp_path / "times.png").stat().st_size > 5_000


@pytest.mark.parametrize(
    ("seconds", "text"), [(4.21, "4.2 s"), (61, "1 min 1 s"), (120, "2 min"), (7500, "2 h 5 min")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
