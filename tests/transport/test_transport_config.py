"""The configuration of the transport: ranges, and YAML in and out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reid_tracker.config import TransportConfig, load_config
from reid_tracker.config.checked import to_yaml
from reid_tracker.errors import ConfigError


def test_yaml(tmp_path: Path) -> None:
    config = TransportConfig("nats://hub", edge_domains=("a", "b"), spool="spool", timeout_s=1.5)
    (tmp_path / "transport.yaml").write_text(to_yaml(config))
    assert load_config(tmp_path / "transport.yaml", kind=TransportConfig) == config


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("stream_discard", "oldest"),
        ("timeout_s", 0),
        ("ack_wait_s", float("nan")),
        ("max_unacked", 0),
        ("stream_bytes", 1000),
        ("stream_age_h", 0),
        ("dedup_window_s", -1),
        ("spool_bytes", 1000),
        ("spool_age_h", 0),
    ],
)
def test_ranges(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=rf"^{name} = .*: expected"):
        TransportConfig(**{name: value})
