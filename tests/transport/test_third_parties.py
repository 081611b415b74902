"""The programs in demo/ that other systems' users start from, on a real Mosquitto."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from reid_tracker import build_encoder
from reid_tracker.config import TransportConfig
from reid_tracker.transport.brokers.open import open_broker
from tests.conftest import ROOT
from tests.transport.conftest import outgoing
from tests.transport.samples import tracklet
from tests.transport.servers import PASSWORD, USER, Server, mosquitto_server
from tests.waiting import PATIENCE_S, wait_until

pytestmark = pytest.mark.slow


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    started = mosquitto_server(tmp_path / "mqtt")
    yield started
    started.kill()


@contextmanager
def running(demo: str, port: int) -> Iterator[list[str]]:
    """Run a program of demo/ until it is connected, and yield the lines that it prints."""
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "demo" / demo), "127.0.0.1", str(port)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "MQTT_USER": USER, "MQTT_PASSWORD": PASSWORD},
        stdout=subprocess.PIPE,
        text=True,
    )
    lines: list[str] = []
    assert process.stdout is not None
    reader = threading.Thread(target=lines.extend, args=(process.stdout,))
    reader.start()
    try:
        wait_until(lambda: "connected: Success\n" in lines or process.poll() is not None, lines)
        yield lines
    finally:
        process.terminate()
        process.wait(PATIENCE_S)
        reader.join(PATIENCE_S)


def test_frigate_gets_embeddings_of_its_pictures(server: Server) -> None:
    clip = cv2.VideoCapture(str(ROOT / "demo" / "pedestrians.mp4"))
    _, frame = clip.read()
    clip.release()
    jpeg = cv2.imencode(".jpg", frame[100:260, 100:160])[1].tobytes()
    heard: list[paho.MQTTMessage] = []
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.username_pw_set(USER, PASSWORD)
    client.on_message = lambda client, data, message: heard.append(message)
    client.connect("127.0.0.1", server.port)
    client.subscribe("reid/frigate/+/person/embedding", 1)
    client.loop_start()
    try:
        with running("frigate_embeddings.py", server.port) as lines:
            client.publish("frigate/door/person/snapshot", b"no picture", 1, retain=True)
            client.publish("frigate/door/car/snapshot", jpeg, 1, retain=True)
            client.publish("frigate/door/person/snapshot", jpeg, 1, retain=True)
            wait_until(lambda: heard, lines)
    finally:
        client.loop_stop()
    assert heard[0].topic == "reid/frigate/door/person/embedding"
    content = json.loads(heard[0].payload)
    assert content["camera"] == "door"
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    (expected,) = build_encoder("auto").encode_crops([picture])
    np.testing.assert_allclose(content["embedding"], expected, atol=2e-3)
    assert content["fingerprint"] == "osnet_x0_5_market_cuhk03"
    assert any("not a picture: frigate/door/person/snapshot" in line for line in lines)
    assert len(heard) == 1


def test_tracklets_are_read_without_this_package(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REID_TRANSPORT_USER", USER)
    monkeypatch.setenv("REID_TRANSPORT_PASSWORD", PASSWORD)
    broker = open_broker(TransportConfig(address=f"mqtt://127.0.0.1:{server.port}"))
    try:
        with running("read_tracklets.py", server.port) as lines:
            for seq, track in ((1, 7), (2, 8)):
                broker.publish([outgoing(tracklet(seq, track=track))])
            wait_until(lambda: len(lines) >= 3, lines)
    finally:
        broker.close()
    assert lines[1].startswith("e1/door/7 ")
    assert "2 views" in lines[1]
    assert lines[2].rstrip().endswith("2 views, most like e1/door/7 (1.00)")
