"""States of camera hosts at a centre when they start, stop, are killed and return."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from tests.cli.runs import long_walk
from tests.cli.site import Program, Site

LIVE = 'reid_cameras{state="live"}'
GONE = 'reid_cameras{state="gone"}'
UP = 'reid_edge_up{edge="e1",site="hall"}'


def shown(central: Program) -> dict[str, Any]:
    """Return the host's entry on the centre's status page; empty if there is none."""
    health: Any = central.health()
    found: dict[str, Any] = health.get("sites", {}).get("hall", {}).get("edges", {}).get("e1", {})
    return found


@pytest.mark.long
@pytest.mark.parametrize(
    ("broker", "gone_s", "why"),
    [("nats", 6.0, "silent for"), ("mqtt", 600.0, "its connection to the broker was lost")],
)
def test_a_host_that_dies_and_returns(tmp_path: Path, broker: str, gone_s: float, why: str) -> None:
    words = [*long_walk(tmp_path, loops=2000), "--start-time", "2026-11-24T18:30Z"]
    (tmp_path / "site").mkdir()
    with Site(tmp_path / "site", broker) as site:
        central = site.central("--set", f"central.edge_gone_s={gone_s}")
        edge = site.edge(*words)
        central.until(lambda: central.metrics().get(LIVE) == 1, "a live camera")
        assert central.metrics()[UP] == 1
        assert shown(central) == {"state": "up", "cameras": {"walk": {"state": "live"}}}
        edge.kill()
        central.until(lambda: central.metrics().get(UP) == 0, "the loss of the host")
        metrics = central.metrics()
        assert (metrics[GONE], metrics[LIVE]) == (1, 0)
        assert why in shown(central)["reason"]
        assert why in shown(central)["cameras"]["walk"]["reason"]
        assert central.health()["healthy"] is True
        edge.start()
        central.until(lambda: central.metrics().get(UP) == 1, "its return")
        central.until(lambda: central.metrics().get(LIVE) == 1, "its camera")
        assert edge.stop() == 128 + signal.SIGTERM
        central.until(lambda: shown(central).get("state") == "stopped", "its end")
        assert shown(central)["cameras"]["walk"]["state"] == "gone"
        assert central.metric("edge_gaps_total") == 0
        told = [line for line in central.lines if "is gone: " in line]
        assert len(told) == 1
        assert central.stop() == 128 + signal.SIGTERM
