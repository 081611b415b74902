"""The messages of the load benchmark are like those of hosts, in content and rate."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest

from reid_tracker.central.records import camera_name
from reid_tracker.transport import TrackletMessage, decode_message, parse_subject
from reid_tracker.transport.wire.subjects import belongs
from tests.benchmarks.centre_load import HEAD, line, run
from tests.benchmarks.load_rig import Setting
from tests.benchmarks.load_sender import write_world
from tests.benchmarks.load_world import ENCODER, LoadModel, Site, Told, joint_layout, sites
from tests.transport.servers import nats_program

BASE_S = 1_764_000_000.0
SECONDS = 60.0


@pytest.fixture(scope="module")
def place() -> Site:
    (only,) = sites(80, SECONDS, BASE_S)
    return only


@pytest.fixture(scope="module")
def told(place: Site) -> list[Told]:
    return [one for one in place.messages() if one.due_s < SECONDS]


@pytest.mark.slow
def test_messages_are_what_hosts_send(place: Site, told: list[Told]) -> None:
    truth, following = place.truth(), defaultdict(list)
    numbers: Counter[str] = Counter()
    for one in told:
        message, subject = decode_message(one.data), parse_subject(one.subject)
        assert belongs(message, subject)
        assert subject.site == place.name
        assert message.message_id == one.message_id
        edge, _, number = one.message_id.split("/")
        assert int(number) == numbers[edge]  # no gap
        numbers[edge] += 1
        if isinstance(message, TrackletMessage):
            assert message.key in truth
            assert message.prototypes.encoder == ENCODER
            assert message.end_s <= BASE_S + one.due_s + 1e-3
            following[message.key].append(message)
            assert (one.key is not None) == (message.state == "new")
    whole = [states for states in following.values() if states[-1].state == "end"]
    assert len(whole) > 100
    for states in whole:
        assert [one.state for one in states] == ["new", *["update"] * (len(states) - 2), "end"]
        assert len({one.start_s for one in states}) == 1
        assert [one.end_s for one in states] == sorted(one.end_s for one in states)


@pytest.mark.slow
def test_a_camera_tells_as_much_as_is_said(told: list[Told]) -> None:
    since_s = 25.0  # ends come late
    kinds = Counter(one.subject.rsplit(".", 1)[1] for one in told if one.due_s >= since_s)
    each = {kind: count / 80 / (SECONDS - since_s) for kind, count in kinds.items()}
    assert each["status"] == pytest.approx(0.1, abs=0.01)
    assert each["tracklet"] == pytest.approx(0.30, abs=0.06)


def test_the_layout_has_the_names_that_the_centre_gives(place: Site) -> None:
    named = {name for passage in joint_layout([place]).passages for name in passage.between}
    assert len(named) == 80
    assert named >= {camera_name(edge, camera) for edge, _, camera, _ in place.truth()}


def test_cameras_are_split_into_sites_of_equal_size() -> None:
    model = LoadModel(people=0.1, cameras_per_site=50)
    assert [one.cameras for one in sites(100, 1.0, BASE_S, model)] == [50, 50]
    assert [one.cameras for one in sites(40, 1.0, BASE_S, model, least=2)] == [20, 20]


@pytest.mark.slow
def test_a_world_on_disk_holds_all_messages(told: list[Told], tmp_path: Path) -> None:
    assert write_world(tmp_path, told[:100]) == 100
    data, ends = (tmp_path / "data").read_bytes(), np.load(tmp_path / "ends.npy").tolist()
    parts = [data[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    assert parts == [one.data for one in told[:100]]


@pytest.mark.long
def test_a_centre_under_a_small_load_keeps_up() -> None:
    nats_program()  # or skipped
    setting = Setting(2, "sqlite", warm_s=12.0, seconds=8.0, overrides=())
    outcome = run(40, 2, setting, None)
    assert outcome.offered > 40
    assert outcome.rows > 20
    assert outcome.score > 0.5
    assert np.isfinite(outcome.latency_s).mean() > 0.9
    assert line(40, setting, outcome).count("|") == HEAD.count("|")
