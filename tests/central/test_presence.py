"""Which camera hosts are up: by their messages, a broker's report, and their silence."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from reid_tracker.central.presence import HostPresence
from reid_tracker.transport import CameraMessage, EdgeMessage
from tests.transport.samples import NOW_S, host, identity, status, tracklet


class World:
    """A `HostPresence` with a fake clock; hosts are gone after 35 s."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.presence = HostPresence("hall", 35.0, lambda: self.now_s)

    def wait(self, seconds: float, step_s: float = 1.0) -> None:
        """Let time pass while the broker has no messages."""
        for _ in range(round(seconds / step_s)):
            self.now_s += step_s
            self.presence.caught_up()

    def hear(self, message: Any) -> None:
        self.presence.heard(message)

    def shown(self, name: str = "e1") -> dict[str, Any]:
        found: dict[str, Any] = self.presence.details()[name]
        return found


@pytest.fixture
def world() -> World:
    return World()


def camera(state: str, name: str = "door", reason: str = "", **changes: Any) -> CameraMessage:
    return status(camera=name, state=state, reason=reason, **changes)


def word(state: str, number: int = 1, boot: str = "b1", edge: str = "e1") -> EdgeMessage:
    return host(number, state=state, boot=boot, edge=edge, reason="" if state == "started" else "x")


def test_camera_states_follow_their_messages(world: World) -> None:
    world.hear(word("started"))
    world.hear(camera("connecting"))
    world.hear(camera("live"))
    world.hear(camera("gone", "yard", "no route"))
    world.hear(tracklet(edge="e2"))
    world.hear(identity())
    assert world.presence.hosts() == {"e1": True, "e2": True}
    assert world.presence.cameras() == {"live": 1, "gone": 1}
    assert world.shown() == {
        "state": "up",
        "cameras": {
            "door": {"state": "live"},
            "yard": {"state": "gone", "reason": "no route"},
        },
    }


def test_a_silent_host_is_gone_with_its_cameras_once_and_comes_back(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.hear(camera("live"))
    world.wait(20)
    world.hear(tracklet(edge="e2"))
    world.wait(15)
    assert world.presence.hosts() == {"e1": True, "e2": True}
    world.wait(1)
    assert world.presence.hosts() == {"e1": False, "e2": True}
    assert world.presence.cameras() == {"gone": 1}
    assert world.shown()["cameras"]["door"]["reason"] == "its host: silent for 36 s"
    world.hear(tracklet(edge="e2"))
    world.wait(30)
    assert [record.message for record in caplog.records] == [
        "camera host e1 of site hall is gone: silent for 36 s"
    ]
    world.hear(camera("live"))
    assert world.presence.hosts() == {"e2": True, "e1": True}
    assert caplog.records[-1].message == "camera host e1 of site hall is back"


def test_hosts_are_not_gone_if_the_centre_did_not_listen(world: World) -> None:
    world.hear(camera("live"))
    world.now_s += 500  # the broker or the gallery was away
    world.wait(36)  # the first second ends the time without listening
    assert world.presence.hosts() == {"e1": True}
    world.wait(1)
    assert world.presence.hosts() == {"e1": False}


def test_silence_is_noticed_at_a_busy_site(world: World) -> None:
    """If messages never cease, the moments count in which all have been received."""
    world.hear(camera("live"))
    for _ in range(40):
        world.hear(tracklet(edge="e2"))
        world.wait(1)
    assert world.presence.hosts() == {"e1": False, "e2": True}


def test_redelivered_messages_are_not_a_later_start(world: World) -> None:
    """As after a kill of the centre: its successor receives new messages before old ones."""
    world.hear(camera("live", boot="b2", time_s=NOW_S + 100))
    for late in (tracklet(), camera("live"), word("stopped"), tracklet(boot="b0")):
        world.hear(late)
    assert world.shown() == {"state": "up", "cameras": {"door": {"state": "live"}}}
    world.wait(30)
    world.hear(camera("live", boot="b2", time_s=NOW_S + 130))
    world.wait(10)
    assert world.presence.hosts() == {"e1": True}


def test_a_start_with_a_slow_clock_counts_after_the_earlier_is_gone(world: World) -> None:
    world.hear(camera("live", time_s=NOW_S + 1000))
    world.hear(camera("live", boot="b2"))
    world.wait(36)
    world.hear(camera("live", "yard", boot="b2"))
    assert world.shown() == {"state": "up", "cameras": {"yard": {"state": "live"}}}
    world.hear(word("stopped", boot="b2"))
    world.hear(host(2, boot="b3", time_s=NOW_S - 5000))
    assert world.shown() == {"state": "up", "cameras": {}}


def test_hosts_are_not_silent_while_messages_wait_in_the_broker(world: World) -> None:
    world.hear(camera("live"))
    for _ in range(100):
        world.now_s += 1
        world.hear(tracklet(edge="e2"))
    world.presence.caught_up()
    assert world.presence.hosts() == {"e1": True, "e2": True}


def test_a_stopped_host_is_not_reported_as_gone(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    world.hear(camera("live"))
    world.hear(word("stopped"))
    assert world.shown() == {
        "state": "stopped",
        "reason": "x",
        "cameras": {"door": {"state": "gone", "reason": "its host: x"}},
    }
    world.hear(camera("live"))  # redelivered
    world.wait(100)
    assert world.shown()["state"] == "stopped"
    assert caplog.records == []
    world.hear(word("started", boot="b2"))
    assert world.shown() == {"state": "up", "cameras": {}}


def test_the_broker_reports_a_lost_host(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.hear(camera("live"))
    world.hear(word("lost"))
    assert world.presence.hosts() == {"e1": False}
    world.hear(word("lost", 2))
    world.wait(50)
    assert len(caplog.records) == 1
    world.hear(tracklet())  # only the connection was lost
    assert world.presence.hosts() == {"e1": True}


def test_late_messages_of_an_earlier_start_are_ignored(world: World) -> None:
    world.hear(camera("live"))
    world.hear(word("started", boot="b2"))
    world.hear(word("lost"))
    world.hear(word("stopped"))
    world.hear(camera("gone"))
    assert world.shown() == {"state": "up", "cameras": {}}


def test_two_hosts_with_one_name_give_a_warning(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.hear(host(0, boot="b1"))
    world.hear(host(0, boot="b2"))
    world.hear(
        camera("live", time_s=NOW_S + 59)
    )  # a message that was in transit when the host ended
    assert caplog.records == []
    for number in range(61, 70):
        world.hear(camera("live", time_s=NOW_S + number))
    assert [record.message for record in caplog.records] == [
        "two camera hosts of site hall are called e1; start each with its own --edge NAME"
    ]
    world.wait(3600, 10)
    world.hear(camera("live", time_s=NOW_S + 5000))
    assert len([one for one in caplog.records if "two camera hosts" in one.message]) == 2


@pytest.mark.slow
def test_memory_is_bounded_and_the_page_short(world: World) -> None:
    for number in range(10_100):
        world.hear(tracklet(edge=f"e{number}"))
    for number in range(1_100):
        world.hear(camera("live", f"c{number}"))
    assert len(world.presence.hosts()) == 10_000
    assert world.presence.cameras() == {"live": 1_000}
    world.hear(word("stopped", edge="e9000"))
    details = world.presence.details()
    assert len(details) == 100
    assert next(iter(details)) == "e9000"
    world.wait(7 * 86_400, 3600)
    world.wait(5000)
    assert world.presence.hosts() == {}


@pytest.mark.slow
def test_a_flood_of_statuses_keeps_the_page_short(world: World) -> None:
    """10,000 statuses with long reasons made a page of 42 MB."""
    for edge in range(100):
        for number in range(100):
            world.hear(camera("gone", f"c{number}", "r" * 500, edge=f"e{edge}"))
    page = json.dumps(world.presence.details())
    assert len(page) < 400_000
    assert sum(len(one["cameras"]) for one in world.presence.details().values()) == 1000
