"""Two network cameras, a camera host, a broker and a centre with PostgreSQL, as real processes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from reid_tracker.config import Config
from tests.cli.observer import Key, Observer
from tests.cli.site import Program, Site
from tests.match.gallery import server as postgres

_GREY = 128
_QUIET_S = 20.0
"""The centre adds nothing after it: its last look back comes about 10 s after a message."""


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
    folder: Path, clips: Mapping[str, Path], seconds: float, config: Config
) -> tuple[Observer, dict[Key, int]]:
    """Show clips on network cameras, once, and return what a centre makes of them.

    Args:
        folder: for all files; is there, and empty.
        clips: by the name of the camera.
        seconds: length of the clips; then the host is stopped.
        config: names the encoder, and how to track and match.

    Returns:
        What the host sent, and who each tracklet is in the gallery in the end.
    """
    database = postgres.Server()
    try:
        with Site(folder, gallery=database.address) as site:
            camera = site.camera(clips, "--in-step")
            began_s = time.monotonic()
            encoder = ["--encoder", config.encoder.model]
            central = site.central(
                *_set("match.patience_s", config.match.patience_s),
                *(*_set("central.window_s", 2), *_set("central.batch_s", 0.5)),
                model=("--encoder", config.encoder.model),
            )
            # A position of every frame, to be compared with those of the files.
            edge = site.edge(
                site.cameras("cameras", {name: camera.url(name) for name in clips}),
                *encoder,
                *_set("tracker.max_age_s", config.tracker.max_age_s),
                *_set("edge.observe_every_s", 0),
            )
            while time.monotonic() < began_s + seconds:
                edge.until(lambda: True, "the end of the clips")
                time.sleep(0.5)
                site.observer.take(0.02)
            edge.stop()
            site.observer.until(site.observer.over, "the last states")
            who = _settled(site, central)
            central.stop()
            return site.observer, who
    finally:
        database.stop()


def _set(key: str, value: float) -> tuple[str, str]:
    return "--set", f"{key}={value}"


def _settled(site: Site, central: Program) -> dict[Key, int]:
    """Return who is who once the centre has all tracklets and changes nothing more."""
    before: dict[Key, int] = {}
    same_since = time.monotonic()

    def done() -> bool:
        nonlocal before, same_since
        site.observer.take(0.2)
        who = {key: one.identity for key, one in site.sightings().items()}
        if who != before:
            before, same_since = who, time.monotonic()
        complete = who.keys() == site.observer.last().keys()
        return complete and time.monotonic() > same_since + _QUIET_S

    central.until(done, "all tracklets in the gallery")
    return before
