"""NATS only: limits of streams, full streams, and replay."""

from __future__ import annotations

import dataclasses
import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from reid_tracker.config import TransportConfig
from reid_tracker.errors import TransportError, TransportUnavailableError
from reid_tracker.transport.brokers.base import Broker
from reid_tracker.transport.brokers.nats import NatsBroker
from reid_tracker.transport.brokers.open import open_broker, parse_address
from reid_tracker.transport.receiving.receiver import Receiver
from reid_tracker.transport.wire.subjects import pattern_of
from tests.conftest import ROOT
from tests.transport.conftest import config_for, outgoing
from tests.transport.samples import tracklet
from tests.transport.servers import Server


@pytest.fixture
def config(start: Callable[..., Server], tmp_path: Path) -> TransportConfig:
    return config_for("nats", start("nats"), tmp_path)


def numbers(broker: Broker, durable: str, count: int) -> list[str]:
    receiver = Receiver(broker.subscribe(pattern_of("tracklet"), durable))
    found = []
    for _ in range(count):
        got = receiver.receive(5)
        if got is None:
            break
        found.append(got.message.message_id.rpartition("/")[2])
        got.ack()
    return found


def test_a_new_receiver_gets_earlier_messages(config: TransportConfig) -> None:
    broker = open_broker(config)
    broker.publish([outgoing(tracklet(n)) for n in range(10)])
    assert numbers(broker, "late", 10) == [str(n) for n in range(10)]
    broker.close()


@pytest.mark.slow
def test_a_full_stream_refuses_or_drops(config: TransportConfig) -> None:
    small = dataclasses.replace(config, stream_bytes=2**17, stream_discard="new")
    broker = open_broker(small)
    batch = [outgoing(tracklet(n)) for n in range(400)]
    with pytest.raises(
        TransportUnavailableError, match="accepts no messages at the moment: maximum bytes"
    ):
        broker.publish(batch)
    broker.close()
    # The limits of a stream that is there change with the configuration; its messages stay.
    broker = open_broker(dataclasses.replace(small, stream_discard="old"))
    broker.publish(batch[300:])
    found = numbers(broker, "centre", 400)
    assert found[-1] == "399"
    assert len(found) < 200
    broker.close()


def test_one_name_for_one_pattern(config: TransportConfig) -> None:
    broker = open_broker(config)
    broker.subscribe(pattern_of("tracklet"), "centre").close()
    broker.subscribe(pattern_of("tracklet"), "centre").close()
    broker.close()


def test_a_server_without_jetstream(start: Callable[..., Server], tmp_path: Path) -> None:
    server = start("nats")
    server.kill()
    conf = server.folder / "nats.conf"
    conf.write_text("\n".join(x for x in conf.read_text().splitlines() if "jetstream" not in x))
    server.start()
    with pytest.raises(TransportUnavailableError, match="offers no JetStream"):
        open_broker(config_for("nats", server, tmp_path))


def test_a_server_with_a_too_small_message_limit(
    start: Callable[..., Server], tmp_path: Path
) -> None:
    server = start("nats", more="max_payload: 1024")
    with pytest.raises(TransportError, match="set max_payload to 131072 or more"):
        open_broker(config_for("nats", server, tmp_path))


def test_streams_are_not_deleted_and_recreated(config: TransportConfig) -> None:
    """Otherwise the messages would be lost, and hubs that collect the stream would stall."""
    first = NatsBroker(config, parse_address(config))
    first.publish([outgoing(tracklet(0))])
    created = first._run(first._stream.stream_info("REID_TRACKLETS"), 5).created
    changed = dataclasses.replace(config, stream_age_h=1.0, dedup_window_s=60.0)
    second = NatsBroker(changed, parse_address(changed))
    info = second._run(second._stream.stream_info("REID_TRACKLETS"), 5)
    assert info.created == created
    assert info.config.max_age == 3600
    assert info.state.messages == 1
    assert sorted(info.config.subjects) == ["reid.v1.*.*.*.status", "reid.v1.*.*.*.tracklet"]
    first.close()
    second.close()


@pytest.mark.parametrize(
    ("package", "address", "extra"),
    [("nats", "nats://127.0.0.1:1", "[nats]"), ("paho", "mqtt://127.0.0.1:1", "[mqtt]")],
)
def test_a_package_that_is_missing(package: str, address: str, extra: str) -> None:
    assert importlib.util.find_spec("reid_tracker")
    script = (
        f"import sys; sys.modules[{package!r}] = None; sys.modules['paho.mqtt.client'] = None\n"
        "from reid_tracker.config import TransportConfig\n"
        "from reid_tracker.transport import open_broker\n"
        f"open_broker(TransportConfig({address!r}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("reid_tracker.errors.MissingDependencyError")
    assert f"pip install 'reid-tracker{extra}'" in last
