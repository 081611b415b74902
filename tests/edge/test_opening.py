"""Settings that a camera host refuses before its run, and the place of its spool."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from reid_tracker.config import Config, EdgeConfig, TransportConfig
from reid_tracker.edge import MessageNumbers
from reid_tracker.edge.opening import check_names, check_transport, open_spool, sending
from reid_tracker.errors import ConfigError


def test_names() -> None:
    check_names(["gate-host", "north", "camera 7"])
    with pytest.raises(ConfigError, match="invalid name of a site"):
        check_names(["door", "x" * 5000])


def test_transport(tmp_path: Path) -> None:
    check_transport(TransportConfig(address="nats://127.0.0.1:4222"))
    with pytest.raises(ConfigError, match="--broker nats://"):
        check_transport(TransportConfig())
    missing = str(tmp_path / "none")
    with pytest.raises(ConfigError, match="No such file"):
        check_transport(TransportConfig(address="nats://h:1", credentials=missing))


def test_the_spool_is_named_or_in_the_users_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REID_TRACKER_HOME", str(tmp_path))
    with ExitStack() as stack:
        open_spool(Config(), "gate/host", stack)
        named = Config(transport=TransportConfig(spool=str(tmp_path / "mine.sqlite")))
        open_spool(named, "gate", stack)
    names = {path.name for path in tmp_path.iterdir() if path.suffix == ".sqlite"}
    assert "mine.sqlite" in names
    assert len([name for name in names if name.startswith("spool-")]) == 1


def test_a_broker_that_is_away_is_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    transport = TransportConfig(address="nats://127.0.0.1:9", spool=str(tmp_path / "s.sqlite"))
    config = Config(transport=transport, edge=EdgeConfig(site="north"))
    pytest.importorskip("nats")
    with ExitStack() as stack:
        spool = open_spool(config, "gate", stack)
        sender = stack.enter_context(sending(config, spool, MessageNumbers("gate")))
        assert sender.pending == 0
    assert "messages are kept and sent later" in caplog.text
