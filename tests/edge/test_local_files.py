"""The files of a camera host, and their state in its health and metrics."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

import pytest

from reid_tracker.config import Config, EdgeConfig, OutputConfig
from reid_tracker.edge import MessageNumbers
from reid_tracker.edge.local_files import LocalOutputs, local_outputs
from reid_tracker.errors import ConfigError
from reid_tracker.monitor import Health, Reading


def host() -> Mock:
    run = Mock()
    run.health.return_value = Health(True, {"broker": "up"})
    run.readings.return_value = [Reading("frames_total", 3)]
    return run


def test_lines_are_refused_since_hosts_do_not_count() -> None:
    config = Config(output=OutputConfig(lines=("door=0,0,9,9",)))
    with (
        pytest.raises(ConfigError, match="camera hosts do not count"),
        local_outputs(None, config, MessageNumbers("gate"), []),
    ):
        pass


def test_without_a_folder_nothing_is_written() -> None:
    with local_outputs(None, Config(), MessageNumbers("gate"), []) as local:
        assert local == LocalOutputs()
        assert local.health(host()) == Health(True, {"broker": "up"})
        assert [one.name for one in local.readings(host())] == ["frames_total"]
        local.settle(Config(), None)


def test_with_a_folder_its_state_is_part_of_the_health(tmp_path: Path) -> None:
    config = Config(edge=EdgeConfig(identities=False))
    with local_outputs(str(tmp_path), config, MessageNumbers("gate"), []) as local:
        assert local.outputs is not None
        assert local.known is None
        assert local.health(host()).details == {"broker": "up", "outputs": local.outputs.state}
        names = [one.name for one in local.readings(host())]
        assert names == ["frames_total", "outputs_failed_total"]
