"""Choosing a device to decode on."""

from __future__ import annotations

import pytest

from reid_tracker.errors import ConfigError
from reid_tracker.video import hardware
from reid_tracker.video.hardware import hardware_decoder


def test_decoding_without_a_device() -> None:
    assert hardware_decoder("none") is None
    hardware_decoder("auto")  # a device if there is one, and no error if not


def test_auto_asks_no_driver_where_no_file_shows_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    hardware._first_that_works.cache_clear()
    monkeypatch.setattr(hardware, "_SIGNS", {"cuda": "/nowhere/nvidia*"})
    monkeypatch.setattr(hardware, "_why_not", lambda kind: pytest.fail(f"asked for {kind}"))
    assert hardware_decoder("auto") is None
    hardware._first_that_works.cache_clear()


def test_an_unknown_device_is_one_clear_error() -> None:
    with pytest.raises(ConfigError, match=r"stream\.hardware = toaster: .*expected auto, none"):
        hardware_decoder("toaster")
