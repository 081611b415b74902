"""Files of topology and ground plane that cannot be read or written."""

from __future__ import annotations

from pathlib import Path

import pytest

from reid_tracker.errors import ConfigError, OutputError
from reid_tracker.match import (
    Topology,
    load_ground,
    load_topology,
    save_topology,
)


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read"):
        load_topology(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="cannot read"):
        load_ground(tmp_path / "none.yaml")
    with pytest.raises(OutputError, match="cannot write"):
        save_topology(Topology(), tmp_path / "none" / "site.yaml")
