"""Matchers built from a configuration and its files."""

from __future__ import annotations

from pathlib import Path

import pytest

from reid_tracker.config import MatchConfig
from reid_tracker.errors import ConfigError
from reid_tracker.match import (
    CameraGround,
    GroundPlane,
    Passage,
    Topology,
    build_matcher,
    matching_from_config,
    save_ground,
    save_topology,
)

TOPOLOGY = Topology((Passage(("door", "hall"), min_s=2.0),))
GROUND = GroundPlane((CameraGround("door", (1.0, 0, 0, 0, 1, 0, 0, 0, 1)),))


def test_files_of_a_configuration_are_read_once(tmp_path: Path) -> None:
    site, ground = tmp_path / "site.yaml", tmp_path / "ground.yaml"
    save_topology(TOPOLOGY, site)
    save_ground(GROUND, ground)
    new_matcher = matching_from_config(MatchConfig(topology=str(site), ground=str(ground)))
    site.unlink()
    first, second = new_matcher(["door"]), new_matcher(["hall"])
    assert first is not second
    assert (first.topology, first.ground) == (TOPOLOGY, GROUND)
    with pytest.raises(ConfigError, match=r"cannot read .*site\.yaml"):
        matching_from_config(MatchConfig(topology=str(site)))


def test_cameras_that_are_left_out_are_named(caplog: pytest.LogCaptureFixture) -> None:
    build_matcher(["door", "hall"], topology=TOPOLOGY)
    assert not caplog.messages
    build_matcher(["door", "Hall"], topology=TOPOLOGY, ground=GROUND)
    assert caplog.messages == [
        "match.topology has no entry for Hall; it names door, hall",
        "match.ground has no entry for Hall; it names door",
    ]
