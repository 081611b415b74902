"""Bytes that a camera host sends about people, compared with the video stream.

    python -m tests.benchmarks.sent_bytes [--clip FILE] [--brokers nats mqtt] [--set KEY=VALUE ...]

A real `reid-track edge` tracks people in the clip and publishes to a real broker through a relay
that counts the bytes in both directions: messages, headers, acknowledgements and pings, without
TCP/IP headers and connection setup. The bytes per minute without people are measured on a grey
video and subtracted for the duration of the run, because a file is not read in real time.

A person-minute is one minute of a tracked person. The video sizes are the packets of the clip
itself, and of the clip encoded like a camera stream: x264, constant quality 23, preset veryfast,
no B-frames, a key frame every two seconds.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from reid_tracker.config import TransportConfig
from reid_tracker.transport import (
    Receiver,
    TrackletMessage,
    encode_message,
    open_broker,
    pattern_of,
)
from tests.benchmarks.counting_relay import CountingRelay, Passed
from tests.conftest import ROOT
from tests.transport.servers import START, Server

SITE = "hall"
MARKS = {"nats": b"PUB reid.v1.", "mqtt": b"reid/v1/"}
_START_S = 120.0
_IDLE_FRAMES = 12_000


class Video(NamedTuple):
    """A clip's stream.

    Attributes:
        seconds: how long it is.
        frames: in it.
        size: bytes of its packets.
        text: size of the picture and codec.
    """

    seconds: float
    frames: int
    size: int
    text: str


class Followed(NamedTuple):
    """Result of a run over the clip.

    Attributes:
        passed: bytes from the first message to the end.
        wall_s: seconds that took.
        person_s: seconds for which people were followed.
        tracklets: that ended.
        messages: about tracklets.
        message_bytes: size of these alone.
        looks: mean number of prototypes in the first message about somebody, the second, ...
    """

    passed: Passed
    wall_s: float
    person_s: float
    tracklets: int
    messages: int
    message_bytes: int
    looks: list[float]


def video_of(path: Path) -> Video:
    """Measure a clip as it is."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        sizes = [packet.size for packet in container.demux(stream) if packet.size]
        text = f"{stream.codec_context.name}, {stream.width}x{stream.height}"
        return Video(len(sizes) / _rate(stream), len(sizes), sum(sizes), text)


def as_a_camera_sends(path: Path) -> Video:
    """Encode a clip anew and measure that."""
    with av.open(str(path)) as container:
        source = container.streams.video[0]
        rate = Fraction(_rate(source)).limit_denominator(1000)
        codec = av.CodecContext.create("libx264", "w")
        codec.width, codec.height, codec.pix_fmt = source.width, source.height, "yuv420p"
        codec.framerate, codec.time_base = rate, 1 / rate
        codec.options = {
            "preset": "veryfast",
            "tune": "zerolatency",
            "crf": "23",
            "g": str(round(2 * rate)),
        }
        size = frames = 0
        for frame in container.decode(source):
            again = VideoFrame.from_ndarray(frame.to_ndarray(format="yuv420p"), format="yuv420p")
            again.pts, again.time_base = frames, 1 / rate
            frames += 1
            size += sum(packet.size for packet in codec.encode(again))
        size += sum(packet.size for packet in codec.encode(None))
        return Video(float(frames / rate), frames, size, "x264 crf 23, veryfast, zerolatency")


def grey(path: Path, frames: int) -> None:
    """Write a clip that shows nothing."""
    picture = np.full((480, 640, 3), 128, np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuv420p"
        for _ in range(frames):
            container.mux(stream.encode(VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode(None))


def idle(kind: str, folder: Path, seconds: float, overrides: Sequence[str]) -> Passed:
    """Return the bytes per minute of a camera without people."""
    clip = folder / "grey.mp4"
    if not clip.exists():
        grey(clip, _IDLE_FRAMES)
    with (
        _rig(kind, folder / f"idle-{kind}") as (_, relay),
        _edge(*(kind, relay, clip, overrides)) as edge,
    ):
        _until_set_up(relay, edge)
        time.sleep(1)
        before, since_s = relay.passed, time.monotonic()
        time.sleep(seconds)
        if edge.poll() is not None:
            raise SystemExit("the grey clip was too short for this machine")
        passed, minutes = relay.passed - before, (time.monotonic() - since_s) / 60
        edge.send_signal(signal.SIGINT)
        edge.wait(60)
    return Passed(round(passed.up / minutes), round(passed.down / minutes))


def followed(kind: str, folder: Path, clip: Path, overrides: Sequence[str]) -> Followed:
    """Run a camera host on a clip."""
    with _rig(kind, folder / f"clip-{kind}") as (server, relay):
        # MQTT keeps messages only for those who have subscribed.
        broker = open_broker(TransportConfig(f"{kind}://127.0.0.1:{server.port}"))
        receiver = Receiver(broker.subscribe(pattern_of("tracklet", SITE), "listener"))
        with _edge(kind, relay, clip, overrides) as edge:
            set_up = _until_set_up(relay, edge)
            since_s = time.monotonic()
            if edge.wait(1200):
                raise SystemExit("the camera host failed")
            wall_s, passed = time.monotonic() - since_s, relay.passed - set_up
        told: defaultdict[tuple[str, str, str, int], list[TrackletMessage]] = defaultdict(list)
        size = 0
        while (received := receiver.receive(3.0)) is not None:
            message = received.message
            received.ack()
            if isinstance(message, TrackletMessage):
                told[message.key].append(message)
                size += len(encode_message(message))
        receiver.close()
        broker.close()
    counts = [[len(one.prototypes) for one in states[:-1]] for states in told.values()]
    return Followed(
        passed=passed,
        wall_s=wall_s,
        person_s=sum(states[-1].end_s - states[-1].start_s for states in told.values()),
        tracklets=len(told),
        messages=sum(map(len, told.values())),
        message_bytes=size,
        looks=[
            float(np.mean([count[at] for count in counts if len(count) > at])) for at in range(6)
        ],
    )


@contextlib.contextmanager
def _rig(kind: str, folder: Path) -> Iterator[tuple[Server, CountingRelay]]:
    server = START[kind](folder, open_to_all=True)
    relay = CountingRelay(server.port, MARKS[kind])
    try:
        yield server, relay
    finally:
        relay.close()
        server.kill()


@contextlib.contextmanager
def _edge(
    kind: str, relay: CountingRelay, clip: Path, overrides: Sequence[str]
) -> Iterator[subprocess.Popen[bytes]]:
    words = ["--broker", f"{kind}://127.0.0.1:{relay.port}", "--site", SITE, "--edge", "gate-host"]
    words += ["--start-time", "2026-11-24T18:30Z", "--config", "edge"]
    words += [word for text in overrides for word in ("--set", text)]
    with tempfile.TemporaryDirectory(prefix="reid-sent-") as home:
        process = subprocess.Popen(
            [sys.executable, "-m", "reid_tracker.cli.program", "edge", str(clip), *words],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT), "REID_TRACKER_HOME": home},
            stdout=subprocess.DEVNULL,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def _until_set_up(relay: CountingRelay, edge: subprocess.Popen[bytes]) -> Passed:
    deadline = time.monotonic() + _START_S
    while relay.set_up is None:
        if edge.poll() is not None or time.monotonic() > deadline:
            raise SystemExit("the camera host told nothing")
        time.sleep(0.01)
    return relay.set_up


def _rate(stream: VideoStream) -> float:
    assert stream.average_rate is not None
    return float(stream.average_rate)


def _rows(clip: Video, camera: Video, run: Followed, nobody: Passed, kind: str) -> Iterator[str]:
    minutes, people = clip.seconds / 60, run.person_s / 60
    quiet = run.wall_s / 60
    up, down = (passed - each * quiet for passed, each in zip(run.passed, nobody, strict=True))
    for name, each in (
        (f"H.264 as it is: {clip.text}", clip.size / minutes),
        (f"H.264 as a camera sends it: {camera.text}", camera.size / minutes),
        (f"{kind}, nobody in sight", nobody.both),
    ):
        yield f"| {name} | {each:,.0f} | {each * 8 / 60e3:,.2f} | |"
    for name, size in ((f"{kind}, up", up), ("down", down), ("both", up + down)):
        each = size / minutes
        yield (
            f"| {name}, about people | {each:,.0f} | {each * 8 / 60e3:,.2f} "
            f"| {size / people:,.0f} |"
        )
    whole = (up + down) / minutes + nobody.both
    of_people = whole * minutes / people
    yield f"| {kind}, all | {whole:,.0f} | {whole * 8 / 60e3:,.2f} | {of_people:,.0f} |"
    yield (
        f"\n{kind}: the camera's stream is {camera.size / minutes / whole:.1f} times as much, the "
        f"clip {clip.size / minutes / whole:.1f} times. {run.tracklets} tracklets, "
        f"{people:.1f} person-minutes in {minutes:.2f} minutes, {run.messages} messages of "
        f"{run.message_bytes / run.messages:,.0f} bytes, {run.messages / people:.1f} a "
        f"person-minute; looks in the first, second, ...: "
        f"{', '.join(f'{one:.1f}' for one in run.looks)}. Read in {run.wall_s:.0f} s."
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Count what a camera host sends.")
    parser.add_argument("--clip", type=Path, default=ROOT / "demo" / "pedestrians.mp4")
    parser.add_argument("--brokers", nargs="+", choices=sorted(START), default=["nats"])
    parser.add_argument("--idle", type=float, default=60.0, metavar="SECONDS")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    arguments = parser.parse_args()
    clip, camera = video_of(arguments.clip), as_a_camera_sends(arguments.clip)
    print(f"# {arguments.clip.name}: {clip.frames} frames, {clip.seconds:.1f} s, {arguments.set}")
    print("| | bytes a minute | kbit/s | bytes a person-minute |\n|---|--:|--:|--:|")
    with tempfile.TemporaryDirectory(prefix="reid-sent-") as name:
        for kind in arguments.brokers:
            nobody = idle(kind, Path(name), arguments.idle, arguments.set)
            run = followed(kind, Path(name), arguments.clip, arguments.set)
            print("\n".join(_rows(clip, camera, run, nobody, kind)), flush=True)


if __name__ == "__main__":
    main()
