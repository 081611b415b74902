"""Two network cameras, a camera host, a broker and a centre with its gallery, as real processes.

For `live_identities`: what the host sends is written down by a listener of its own, who is who is
read from the gallery.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np

from reid_tracker.central.records import Key, sighting_id
from reid_tracker.config import TransportConfig
from reid_tracker.match.gallery_open import open_gallery
from reid_tracker.transport import (
    Broker,
    CameraStatus,
    Receiver,
    TrackletMessage,
    open_broker,
    pattern_of,
)
from tests.conftest import ROOT
from tests.match import postgres
from tests.transport.servers import Server, nats_server
from tests.video.rtsp import Camera, wait_for

SITE, HOST = "yard", "host"
_GREY = 128
_PATIENCE_S = 60.0
_QUIET_S = 20.0


class Sight(NamedTuple):
    """Where a tracklet was: seconds since 1970, and its box as parts of the frame."""

    time_s: float
    box: tuple[float, float, float, float]


@dataclass
class Heard:
    """What a host has sent.

    Attributes:
        sights: by tracklet.
        ended: tracklets that are over.
        cameras: last state of each camera.
        missing: messages that never came.
    """

    sights: dict[Key, list[Sight]] = field(default_factory=lambda: defaultdict(list))
    ended: set[Key] = field(default_factory=set)
    cameras: dict[str, CameraStatus] = field(default_factory=dict)
    missing: int = 0


def write_clip(source: Path, target: Path, rate: float, lead: int, tail: int, most: int) -> int:
    """Write a clip as cameras encode, with grey frames before and after; returns its frames.

    Nobody is in the grey frames, so that a run of one pass begins and ends like that of a file.

    Args:
        source: video.
        target: H.264 in MP4, one slice a frame, nothing reordered.
        rate: frames a second.
        lead: grey frames before.
        tail: grey frames after.
        most: frames of the source to take.
    """
    options = {
        "preset": "veryfast",
        "crf": "18",
        "bf": "0",
        "g": "7",
        "x264-params": "sliced-threads=0:slices=1:repeat-headers=1",
    }
    count = 0
    with av.open(str(source)) as reader, av.open(str(target), "w") as writer:
        stream = writer.add_stream(
            "libx264", rate=Fraction(rate).limit_denominator(1000), options=options
        )
        size = reader.streams.video[0].codec_context
        stream.width, stream.height, stream.pix_fmt = size.width, size.height, "yuv420p"
        grey = np.full((size.height, size.width, 3), _GREY, np.uint8)
        for image in _with_grey(reader, grey, lead, tail, most):
            frame = av.VideoFrame.from_ndarray(image, format="bgr24")
            writer.mux(stream.encode(frame))
            count += 1
        writer.mux(stream.encode(None))
    return count


def _with_grey(
    reader: av.container.InputContainer, grey: np.ndarray, lead: int, tail: int, most: int
) -> Iterator[np.ndarray]:
    yield from [grey] * lead
    for number, frame in enumerate(reader.decode(video=0)):
        if number == most:
            break
        yield frame.to_ndarray(format="bgr24")
    yield from [grey] * tail


def run_site(
    folder: Path,
    clips: Mapping[str, Path],
    seconds: float,
    models: Sequence[str],
    central_words: Sequence[str] = (),
) -> tuple[Heard, dict[Key, int]]:
    """Show clips on network cameras, once, and return what a centre makes of them.

    Args:
        folder: for all files; is there.
        clips: by the name of the camera.
        seconds: length of the clips; then the host is stopped.
        models: options of the command line for host and centre.
        central_words: options of the centre alone.

    Returns:
        What the host sent, and who each tracklet is in the gallery in the end.
    """
    server = nats_server(folder / "nats", open_to_all=True)
    database = postgres.Server()
    shared = ["--broker", f"nats://127.0.0.1:{server.port}", "--site", SITE, *models]
    try:
        with _listening(server) as (receiver, heard), Camera(dict(clips), "--in-step") as camera:
            began_s = time.monotonic()
            lines = [f"- name: {name}\n  url: {camera.url(name)}\n" for name in clips]
            (folder / "cameras.yaml").write_text("cameras:\n" + "".join(lines))
            central = ["central", *shared, "--gallery", database.address, *central_words]
            edge = ["edge", str(folder / "cameras.yaml"), *shared, "--edge", HOST]
            # A position of every frame, to be compared with those of the files.
            edge += ["--set", "edge.observe_every_s=0", "--set", "edge.report_every_s=1"]
            with _process(folder, central) as centre, _process(folder, edge) as host:
                while time.monotonic() < began_s + seconds and host.poll() is None:
                    _listen(receiver, heard)
                if host.poll() is not None:
                    raise RuntimeError(f"the host ended early: {(folder / 'edge.log').read_text()}")
                _stop(host)
                who = _settled(receiver, heard, database.address)
                _stop(centre)
    finally:
        server.kill()
        database.stop()
    return heard, who


@contextmanager
def _process(folder: Path, words: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / f"{words[0]}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "reid_tracker.cli.main", *words],
            cwd=ROOT,
            env=os.environ | {"REID_TRACKER_HOME": str(folder / "home")},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    process.wait(_PATIENCE_S)


@contextmanager
def _listening(server: Server) -> Iterator[tuple[Receiver, Heard]]:
    broker: Broker = open_broker(TransportConfig(address=f"nats://127.0.0.1:{server.port}"))
    pattern = pattern_of("tracklet", SITE).removesuffix("tracklet") + "*"
    receiver = Receiver(broker.subscribe(pattern, "listener"), gaps=True)
    try:
        yield receiver, Heard()
    finally:
        receiver.close()
        broker.close()


def _listen(receiver: Receiver, heard: Heard) -> bool:
    """Write down one message; False if none came."""
    received = receiver.receive(0.5)
    if received is None:
        return False
    received.ack()
    message = received.message
    heard.missing = receiver.counts.missing
    if isinstance(message, CameraStatus):
        heard.cameras[message.camera] = message
    elif isinstance(message, TrackletMessage):
        heard.sights[message.key] += [Sight(one.time_s, one.box) for one in message.observations]
        if message.state == "end":
            heard.ended.add(message.key)
    return True


def _settled(receiver: Receiver, heard: Heard, gallery: str) -> dict[Key, int]:
    """Return who is who once the centre has all tracklets and changes nothing more."""
    while _listen(receiver, heard):
        pass
    keys = {sighting_id(SITE, key): key for key in heard.sights}
    before: dict[Key, int] = {}
    same_since = time.monotonic()

    def done() -> bool:
        nonlocal before, same_since
        with open_gallery(gallery, create=False) as store:
            who = {keys[one.id]: one.identity for one in store.sightings() if one.id in keys}
        if who != before:
            before, same_since = who, time.monotonic()
        time.sleep(0.5)
        return len(who) == len(keys) and time.monotonic() > same_since + _QUIET_S

    wait_for(done, 4 * _PATIENCE_S)
    return before
