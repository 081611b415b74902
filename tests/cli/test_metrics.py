"""A real camera host and a real centre serve all metrics of the table in the docs."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import msgspec
import pytest

from reid_tracker.monitor.metrics import COUNTERS, GAUGES, HISTOGRAMS
from reid_tracker.transport import Outgoing, open_broker
from tests.cli.site import Program, Site
from tests.conftest import ROOT, write_detections
from tests.transport.servers import free_port
from tests.video.rtsp import need_server, write_scene

ALL = {*COUNTERS, *GAUGES, *HISTOGRAMS}


def promised(who: str) -> set[str]:
    """Return the metrics of an edge or a centre in the table for operators."""
    table = (ROOT / "docs" / "operations" / "metrics.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1:4] for line in table.splitlines() if line.startswith("| `")]
    return {
        name
        for names, _, source in rows
        if source.strip() in {who, "both"}
        for name in re.findall(r"`(\w+)`", names)
    }


def told(program: Program) -> set[str]:
    """Return the metrics for which a program has values."""
    names = {key.partition("{")[0].removeprefix("reid_") for key in program.metrics()}
    return {re.sub(r"_(count|sum|bucket)$", "", name) for name in names} & ALL


@pytest.mark.long
def test_all_of_the_table_are_told(tmp_path: Path) -> None:
    need_server()
    assert promised("edge") | promised("centre") == ALL
    (tmp_path / "site").mkdir()
    detections = write_detections(tmp_path / "det.txt", frames=5000)
    with Site(tmp_path / "site") as site:
        camera = site.camera({"door": write_scene(tmp_path / "small.mp4")})
        central = site.central()
        words = ("--detector", str(detections), "-o", str(tmp_path / "out"))
        edge = site.edge(site.cameras("list", {"door": camera.url()}), *words)
        site.observer.until(lambda: site.observer.tracklets, "a tracklet")
        # A host of which messages are missing, and another version.
        one = site.observer.tracklets[0]
        made = [msgspec.structs.replace(one, edge="e9", edge_seq=number) for number in (0, 5)]
        messages = [Outgoing.of(message, "hall") for message in made]
        messages.append(Outgoing("noise/1/2", messages[0].subject, b"noise"))
        broker = open_broker(site.config)
        broker.publish(messages)
        central.until(lambda: told(central) >= promised("centre"), "all of the centre")
        edge.until(lambda: told(edge) >= promised("edge"), "all of the camera host")
        assert told(central) == promised("centre")
        assert told(edge) == promised("edge")
        seen, matched = edge.metrics(), central.metrics()
        assert matched['reid_edge_gaps_total{edge="e9"}'] == 4
        assert matched['reid_messages_refused_total{reason="content"}'] == 1
        assert matched["reid_gallery_sightings"] >= 0
        assert seen['reid_stage_seconds_count{stage="encode"}'] > 0
        assert seen['reid_frames_total{camera="door"}'] > 0
        assert 0 <= seen['reid_frame_age_seconds{camera="door"}'] < 60
        assert seen["reid_messages_sent_total"] > 0
        assert "\nprocess_open_fds " in edge.get("/metrics")
        # A camera that is gone is counted when it is back.
        camera.kill()
        edge.until(lambda: edge.metric("camera_up") == 0, "a camera that is gone")
        camera.start({"door": tmp_path / "small.mp4"})
        edge.until(lambda: edge.metric("reconnects_total") == 1, "a reconnect")
        broker.close()
        assert edge.stop() == central.stop() == 128 + signal.SIGTERM


@pytest.mark.long
def test_a_broker_that_is_away_fills_the_spool(tmp_path: Path) -> None:
    need_server()
    (tmp_path / "site").mkdir()
    detections = write_detections(tmp_path / "det.txt", frames=5000)
    with Site(tmp_path / "site") as site:
        camera = site.camera({"door": write_scene(tmp_path / "small.mp4")})
        words = ("--detector", str(detections), "--set", f"edge.name=n{free_port()}")
        edge = site.edge(site.cameras("list", {"door": camera.url()}), *words)
        edge.until(lambda: edge.metric("messages_sent_total") > 0, "a message")
        site.server.kill()
        edge.until(lambda: edge.metric("broker_up") == 0, "a broker that is away")
        edge.until(lambda: edge.metric("spool_messages") > 3, "what waits")
        assert edge.metric("spool_bytes") > 100
        site.server.start()
        edge.until(lambda: edge.metric("broker_up") == 1, "the broker")
        edge.until(lambda: edge.metric("spool_messages") == 0, "an empty spool")
        assert edge.stop() == 128 + signal.SIGTERM
