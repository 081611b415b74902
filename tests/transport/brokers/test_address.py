"""Credentials and authorities."""

from __future__ import annotations

from pathlib import Path

import pytest

from reid_tracker.config import TransportConfig
from reid_tracker.errors import ConfigError
from reid_tracker.transport.brokers.address import read_credentials
from reid_tracker.transport.brokers.open import open_broker


def test_files_of_credentials(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    config = TransportConfig(credentials=str(file))
    with pytest.raises(ConfigError, match="No such file"):
        read_credentials(config)
    for content in (b"", b"hush", b":hush", b"a:hush\nb:hush", b"\xff\xfe:hush"):
        file.write_bytes(content)
        with pytest.raises(ConfigError, match="expected one line USER:PASSWORD") as caught:
            read_credentials(config)
        assert "hush" not in str(caught.value)
    file.write_text("me:a:b c\n")
    who = read_credentials(config)
    assert (who.user, who.password) == ("me", "a:b c")
    assert repr(who) == "Credentials()"
    with pytest.raises(ConfigError, match="or neither"):
        read_credentials(TransportConfig(), {"REID_TRANSPORT_USER": "me"})


def test_an_authority_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    for name in ("ca.pem", "missing.pem"):
        config = TransportConfig("mqtt://127.0.0.1:1", tls_ca=str(tmp_path / name))
        with pytest.raises(ConfigError, match=rf"transport\.tls_ca .*{name}"):
            open_broker(config)
