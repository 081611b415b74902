"""The health of a centre: broker, gallery, and a running loop."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any, cast

import pytest

from reid_tracker.central.centre import Central
from reid_tracker.central.monitoring import health


def centre(*, broker: bool = True, gallery: bool = True, age_s: float = 0.0) -> Central:
    presence = SimpleNamespace(details=lambda: {"gate": "up"})
    site: Any = SimpleNamespace(
        name="hall",
        intake=SimpleNamespace(broker_up=broker, presence=presence),
        recording=SimpleNamespace(gallery_up=gallery),
    )
    stand_in = SimpleNamespace(sites=[site], turned_s=time.monotonic() - age_s)
    return cast(Central, stand_in)


def test_all_is_well() -> None:
    found = health(centre())
    assert found.healthy
    assert found.details["sites"] == {"hall": {"edges": {"gate": "up"}}}


@pytest.mark.parametrize("wrong", [{"broker": False}, {"gallery": False}, {"age_s": 3600.0}])
def test_something_is_wrong(wrong: Any) -> None:
    assert not health(centre(**wrong)).healthy
