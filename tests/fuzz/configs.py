"""Fuzz target: what users write: configurations, lists of cameras, topologies, floor plans."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from reid_tracker.cli.commands.ground.points import parse_points, read_points
from reid_tracker.cli.status import read_token
from reid_tracker.config import (
    Config,
    DeepSortConfig,
    TransportConfig,
    load_config,
    parse_override,
)
from reid_tracker.config.checked import from_mapping, to_yaml
from reid_tracker.config.safe_yaml import load_yaml
from reid_tracker.match.places.calibration import read_calibration
from reid_tracker.match.places.ground import load_ground
from reid_tracker.match.places.homography import fit_homography, ground_errors
from reid_tracker.match.places.topology import load_topology
from reid_tracker.run.moments import parse_moment
from reid_tracker.sink.counts.counter import CameraCounter
from reid_tracker.sink.counts.places import check_places, load_places, read_places
from reid_tracker.train.detector.recipe import load_detector_recipe
from reid_tracker.train.recipe import Recipe
from reid_tracker.train.recipe.file import read_recipe
from reid_tracker.transport.brokers.address import read_credentials
from reid_tracker.transport.brokers.open import parse_address
from reid_tracker.types import VideoInfo
from reid_tracker.video.address import stream_address
from reid_tracker.video.camera_list import CameraEntry, read_camera_list
from reid_tracker.video.naming import is_url, url_name
from reid_tracker.zoo.manifest import load_manifest
from tests.config.test_safe_yaml import REFUSED
from tests.conftest import ROOT
from tests.fuzz.files import written
from tests.fuzz.harness import Target
from tests.match.places.test_calibration import TSAI

_BOXES = np.array([[10, 20, 50, 120], [0, 0, 768, 576]], np.float32)


def config(data: bytes) -> None:
    """Load a configuration; one that is read is written again, and then equal."""
    loaded = load_config(written(data, "config.yaml"))
    assert from_mapping(Config, load_yaml(to_yaml(loaded))) == loaded, "read again it differs"


def tracker(data: bytes) -> None:
    load_config(written(data, "tracker.yaml"), kind=DeepSortConfig)


def override(data: bytes) -> None:
    key, value = parse_override(data.decode("utf-8", "surrogateescape"))
    load_config(None, {key: value})


def cameras(data: bytes) -> None:
    _look_at(read_camera_list(written(data, "cameras.yaml")))


def streams(data: bytes) -> None:
    _look_at(read_camera_list(written(data, "list.streams")))


def _look_at(entries: list[CameraEntry]) -> None:
    for entry in entries[:100]:
        if is_url(entry.url):
            stream_address(entry.url, entry.username, entry.password)
            url_name(entry.url)


def topology(data: bytes) -> None:
    loaded = load_topology(written(data, "site.yaml"))
    names = sorted({name for passage in loaded.passages for name in passage.between})[:50]
    times = loaded.travel_times(names)
    for number in range(len(names)):
        times.reach(number)


def ground(data: bytes) -> None:
    loaded = load_ground(written(data, "floor.yaml"))
    with np.errstate(all="ignore"):
        for item in loaded.cameras[:5]:
            loaded.positions(item.camera, _BOXES)
            loaded.footprint(item.camera, 768, 576)


def points(data: bytes) -> None:
    pixels, metres = read_points(written(data, "points.yaml"), "door")
    _fit(pixels, metres)


def places(data: bytes) -> None:
    """Read lines and zones of a file; those that fit a camera make a counter."""
    loaded = load_places(written(data, "zones.yaml"))
    cameras = {"door": VideoInfo(768, 576, Fraction(10)), "live": VideoInfo(0, 0, Fraction(25))}
    placed = check_places(loaded, cameras)
    CameraCounter("door", placed.of("door"), Fraction(10)).finish()


def places_in_words(data: bytes) -> None:
    line, _, zone = data.decode("utf-8", "surrogateescape").partition("|")
    read_places([line], [zone])


def points_in_words(data: bytes) -> None:
    pixels, metres = parse_points(data.decode("utf-8", "surrogateescape"))
    _fit(pixels, metres)


def _fit(pixels: np.ndarray, metres: np.ndarray) -> None:
    with np.errstate(all="ignore"):
        ground_errors(fit_homography(pixels[:20], metres[:20]), pixels[:20], metres[:20])


def calibration(data: bytes) -> None:
    loaded = read_calibration(written(data, "camera.xml"))
    with np.errstate(all="ignore"):
        loaded.ground_points(np.array([[300.0, 400.0], [0.0, 0.0]]))


def manifest(data: bytes) -> None:
    load_manifest(written(data, "manifest.yaml")).of_task("detector")


def recipe(data: bytes) -> None:
    read_recipe(written(data, "recipe.yaml"), None, Recipe)


def detector_recipe(data: bytes) -> None:
    load_detector_recipe(written(data, "detector.yaml"))


def broker(data: bytes) -> None:
    parse_address(TransportConfig(data.decode("utf-8", "replace")))


def credentials(data: bytes) -> None:
    path = written(data, "credentials")
    read_credentials(TransportConfig("nats://127.0.0.1", credentials=str(path)))
    read_token(str(path))


def moment(data: bytes) -> None:
    assert math.isfinite(parse_moment(data.decode("utf-8", "surrogateescape")))


def token(data: bytes) -> None:
    read_token(str(written(data, "token")))


_CAMERAS = b"""cameras:
- name: entrance
  url: rtsp://192.0.2.7/stream1
  username: viewer
  password: ${HOME}
- {name: hall, url: "rtsp://u:p@192.0.2.8:554/x?channel=1&pass=b", transport: udp, rotate: 180}
- {name: yard, url: rtsp://192.0.2.9/stream1, enabled: false}
"""
_PASSWORD_FILE = b"""cameras: [{name: a, url: "rtsp://192.0.2.9/1", password_file: nothing}]"""
_STREAMS = (
    b"# cameras\nrtsp://viewer:${HOME}@192.0.2.7/stream1\n\nrtsp://a:b@c@192.0.2.7/x#y\nclip.mp4\n"
)
_TOPOLOGY = b"""passages:
- between: [entrance, hall]
  min_s: 2
  max_s: 30
- between: [hall, hall-east]
  overlap: true
returning_s: 60
unlisted: closed
"""
_GROUND = b"""units_per_metre: 21.2
cameras:
- camera: door
  matrix: [3.7, 17.2, -986.1, 0.55, 23.1, -1125.6, 0.0008, 0.017, 1]
- {camera: hall, matrix: [1, 0, 0, 0, 1, 0, 0, 0, 1]}
"""
_POINTS = b"""cameras:
- camera: door
  points: [[102, 520, 0, 0], [640, 505, 4, 0], [590, 300, 4, 6], [210, 310, 0, 6], [400, 400, 2, 3]]
"""
_PLACES = b"""lines:
- {name: gate, camera: door, start: [102, 520], end: [640.5, 505]}
zones:
- {name: shelf, camera: door, points: [[590, 300], [210, 310], [400, 400]]}
- {name: shelf, camera: live, points: [[590, 300], [210, 310], [4000, 400]]}
"""
_OPENCV = b"""%YAML:1.0
---
camera_matrix: !!opencv-matrix
   rows: 3
   cols: 3
   dt: d
   data: [ 800., 0., 330., 0., 790., 250., 0., 0., 1. ]
distortion_coefficients: !!opencv-matrix
   rows: 5
   cols: 1
   dt: d
   data: [ -0.2, 0.05, 0.001, -0.002, 0.01 ]
rvec: !!opencv-matrix
   rows: 3
   cols: 1
   dt: d
   data: [ 2.0, 0.2, -0.1 ]
tvec: !!opencv-matrix
   rows: 3
   cols: 1
   dt: d
   data: [ 0.5, 0.8, 9.0 ]
"""


def _tsai() -> bytes:
    text = TSAI.format(
        dpx=0.0051,
        dpy=0.0051,
        f=5.55,
        k=0.0039,
        cx=324.2,
        cy=282.5,
        sx=1,
        t=[-7, 4, 30],
        r=[2, 1, 3],
    )
    return text.encode()


def _files(pattern: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted((ROOT / "configs").glob(pattern))]


def _some_models() -> bytes:
    data = (ROOT / "weights" / "manifest.yaml").read_bytes()
    return data[: data.rindex(b"\n- ", 0, 4000) + 1]


def _bombs() -> list[bytes]:
    return [REFUSED[name].encode() for name in ("bomb", "merges", "within itself", "deep")]


def target() -> Target:
    """Return the target."""
    recipes = [data for data in _files("train/*.yaml") if b"pictures:" not in data]
    detectors = [data for data in _files("train/*.yaml") if b"pictures:" in data]
    given = {
        config: [*_files("*.yaml"), *_bombs()],
        tracker: _files("trackers/*.yaml"),
        override: [b"tracker.max_age_s=5", b"detector.classes=[a, 2]", b"central.sites=&a [*a]"],
        cameras: [_CAMERAS, _PASSWORD_FILE, *_bombs()],
        streams: [_STREAMS],
        topology: [_TOPOLOGY],
        ground: [_GROUND],
        points: [_POINTS],
        places: [_PLACES],
        places_in_words: [b"door=1,2,3,4|shop=1,2,3,4,5,6"],
        points_in_words: [b"102,520=0,0 640,505=4,0 590,300=4,6;210,310=0,6 400,400=2,3"],
        calibration: [_tsai(), _OPENCV],
        manifest: [_some_models()],
        recipe: recipes[:3],
        detector_recipe: detectors,
        broker: [b"nats://127.0.0.1:4222", b"mqtts://[::1]:8883", b"memory", b"tls://u:p@h:1/x?y#z"],
        credentials: [b"user:pass word\n", b"SU" + b"A" * 56],
        token: [b"0123abcd\n"],
        moment: [b"2026-11-24T18:30Z", b"2h", b"1764000000.5", b"2026-W48-2", b"20261124"],
    }  # fmt: skip
    return Target(
        "configs",
        {reader.__name__: reader for reader in given},
        {reader.__name__: seeds for reader, seeds in given.items()},
        most_bytes=8192,
    )
