"""Tokens of the status page, and the heartbeat."""

from __future__ import annotations

from pathlib import Path

import pytest

from reid_tracker.cli.status import Heartbeat, read_token
from reid_tracker.errors import ConfigError
from reid_tracker.monitor import Metrics


def test_a_token_is_one_line_and_a_byte_order_mark_is_no_part_of_it(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_bytes(b"\xef\xbb\xbfa1b2c3\r\n")
    assert read_token(str(path)) == "a1b2c3"
    assert read_token(None) is None


@pytest.mark.parametrize("text", ["", "\n", "two words", "t\u00f6ken", "a\nb", "a\x1b"])
def test_what_is_no_token_is_refused_without_being_shown(text: str, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="expected one line of ASCII without spaces") as caught:
        read_token(str(path))
    assert "words" not in str(caught.value)


def test_a_token_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_token(str(tmp_path / "none"))


def test_a_heartbeat_counts_the_time_of_stages_once() -> None:
    pytest.importorskip("prometheus_client")
    seconds = {"detect": 1.0, "wait": 1.0}
    beat = Heartbeat(seconds)
    beat.metrics = Metrics()
    seconds["detect"], seconds["wait"] = 1.5, 9.0
    beat()
    beat()
    text = beat.metrics.text().decode()
    assert 'reid_stage_seconds_count{stage="detect"} 1.0' in text
    assert 'reid_stage_seconds_sum{stage="detect"} 0.5' in text
    assert 'stage="wait"' not in text
