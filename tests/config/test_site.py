"""Settings of a site: refused and default values."""

from __future__ import annotations

import pytest

from reid_tracker.config import CentralConfig, EdgeConfig, TransportConfig
from reid_tracker.config.checked import from_mapping
from reid_tracker.errors import ConfigError


def test_a_full_stream_drops_or_refuses() -> None:
    assert TransportConfig(stream_discard="new").stream_discard == "new"
    with pytest.raises(ConfigError, match="stream_discard = 'newest': expected 'old' or 'new'"):
        TransportConfig(stream_discard="newest")


def test_a_single_site_needs_no_list() -> None:
    assert from_mapping(CentralConfig, {"sites": "hall"}).sites == ("hall",)
    assert from_mapping(CentralConfig, {"sites": ["hall", "yard"]}).sites == ("hall", "yard")


def test_files_of_a_host_are_kept_unless_an_age_is_set() -> None:
    assert EdgeConfig().delete_after_h is None
    with pytest.raises(ConfigError, match="delete_after_h = 0"):
        from_mapping(EdgeConfig, {"delete_after_h": 0.0})
