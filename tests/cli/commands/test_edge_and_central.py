"""Two cameras, a camera host, a broker, the centre and a gallery, all as real processes."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from cv2 import imdecode

from reid_tracker.errors import StoreError
from reid_tracker.match.gallery.open import open_gallery, open_to_read
from tests.benchmarks.live_identities import Clip, compare
from tests.benchmarks.live_site import write_clip
from tests.conftest import ROOT
from tests.match.gallery.server import start_or_skip
from tests.transport.servers import PASSWORD, USER, nats_program, nats_server
from tests.video.rtsp import need_server
from tests.waiting import wait_until

ENCODER = str(ROOT / "weights" / "osnet_x0_25_cuhk03.onnx")


def decided(gallery: Path) -> int:
    """Return how many sightings have an identity, while the centre writes."""
    with suppress(StoreError), open_to_read(gallery) as store:
        return sum(sighting.identity > 0 for sighting in store.sightings())
    return 0


@pytest.mark.long
@pytest.mark.timeout(900)
def test_tracklets_of_a_camera_host_become_identities_of_the_centre(tmp_path: Path) -> None:
    for name in ("a", "b"):
        shutil.copy(ROOT / "demo" / "pedestrians.mp4", tmp_path / f"{name}.mp4")
    gallery = tmp_path / "people.sqlite"
    server = nats_server(tmp_path / "nats")
    environment = os.environ | {
        "REID_TRANSPORT_USER": USER,
        "REID_TRANSPORT_PASSWORD": PASSWORD,
        "REID_TRACKER_HOME": str(tmp_path / "home"),
    }
    shared = ["--broker", f"nats://127.0.0.1:{server.port}", "--site", "yard", "--encoder", ENCODER]
    command = [sys.executable, "-m", "reid_tracker.cli.program"]
    central = subprocess.Popen(
        [*command, "central", *shared, "--gallery", str(gallery)], cwd=ROOT, env=environment
    )
    try:
        videos = [str(tmp_path / "a.mp4"), str(tmp_path / "b.mp4")]
        words = [
            "--send-pictures",
            "--edge",
            "host",
            "--start-time",
            "2026-11-24T18:30Z",
            "--set",
            "video.stride=5",
        ]
        edge = subprocess.run(
            [*command, "edge", *videos, *shared, *words],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=True,
        )
        told = re.search(r"(\d+) tracklets", edge.stdout + edge.stderr)
        assert told is not None, edge
        wait_until(lambda: decided(gallery) == int(told[1]), "for identities of all tracklets")
        central.send_signal(signal.SIGTERM)
        assert central.wait(30) == 128 + signal.SIGTERM
    finally:
        central.kill()
        central.wait()
        server.kill()
    with open_gallery(gallery, create=False) as store:
        sightings = store.sightings()
        pictures = store.crops([sighting.id for sighting in sightings])
    assert len(sightings) == int(told[1]) > 5
    assert len(pictures) == len(sightings)
    assert all(imdecode(np.frombuffer(one, np.uint8), 1) is not None for one in pictures.values())
    assert all(sighting.identity > 0 for sighting in sightings)
    cameras = defaultdict(set)
    for sighting in sightings:
        cameras[sighting.identity].add(sighting.camera)
    assert set().union(*cameras.values()) == {"host/a", "host/b"}
    # Both cameras show the same pictures.
    both = sum(len(seen) == 2 for seen in cameras.values())
    assert both >= 0.7 * len(cameras), cameras


@pytest.mark.long
@pytest.mark.timeout(900)
def test_live_cameras_give_the_identities_of_a_run_on_files(tmp_path: Path) -> None:
    need_server()
    nats_program()
    start_or_skip().stop()
    rate, lead, tail, most = 5.0, 50, 50, 60
    clips = {}
    for name in ("a", "b"):
        path = tmp_path / f"{name}.mp4"
        count = write_clip(ROOT / "demo" / "pedestrians.mp4", path, rate, lead, tail, most)
        clips[name] = Clip(path, rate, count)
    both, same = compare(tmp_path, clips, lead, ENCODER)
    assert both > 100
    assert same >= 0.9 * both
