"""A whole site of real processes: cameras, broker, camera hosts, centre; each may be killed.

What the camera hosts tell is also taken by an observer of the test's own, so that what the gallery
holds can be compared with it.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import re
import signal
import time
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path

import av

from reid_tracker.central.records import key_of_sighting
from reid_tracker.config import TransportConfig
from reid_tracker.match.gallery.open import open_gallery
from reid_tracker.match.gallery.records import SightingRecord
from reid_tracker.monitor.metrics import COUNTERS, GAUGES
from tests.central.world import replayed
from tests.cli.observer import Key, Observer
from tests.cli.runs import Run
from tests.conftest import ROOT
from tests.transport.servers import PASSWORD, START, USER, free_port
from tests.video.rtsp import Camera
from tests.waiting import freeze

ENCODER = str(ROOT / "weights" / "osnet_x0_25_cuhk03.onnx")

EDGE_SETTINGS = (
    "stream.hardware=none",
    "tracker.max_age_s=2",
    "edge.report_every_s=1",
    "edge.status_every_s=2",
)
CENTRAL_SETTINGS = (
    "central.window_s=1",
    "central.batch_s=0.1",
    "match.patience_s=1",
    "transport.ack_wait_s=2",
)


def write_people(
    path: Path, rate: int = 5, frames: int = 60, start: int = 0, width: int = 768
) -> Path:
    """Write a part of the demo clip, encoded as by a camera.

    Args:
        path: of the MP4 file.
        rate: frames per second, at most the clip's 10; the people keep their speed.
        frames: to write.
        start: first frame of the clip.
        width: of the pictures in pixels; 768 is the clip's own.
    """
    step = 10 // rate
    with av.open(str(ROOT / "demo" / "pedestrians.mp4")) as source:
        shown = itertools.islice(source.decode(video=0), start, start + frames * step, step)
        _write(path, shown, rate, width)
    return path


def write_still(
    path: Path, rate: int = 5, frames: int = 60, start: int = 20, width: int = 768
) -> Path:
    """Write one frame of the demo clip again and again, as people who stand still.

    In the 21st picture the shipped detector is sure of four people, in all sizes.
    """
    with av.open(str(ROOT / "demo" / "pedestrians.mp4")) as source:
        (shown,) = itertools.islice(source.decode(video=0), start, start + 1)
    _write(path, itertools.repeat(shown, frames), rate, width)
    return path


def _write(path: Path, pictures: Iterable[av.VideoFrame], rate: int, width: int) -> None:
    # One slice and no reordering, as in tests/video/rtsp.py.
    options = {
        "preset": "veryfast",
        "bf": "0",
        "g": str(rate),
        "x264-params": "sliced-threads=0:slices=1:repeat-headers=1",
    }
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=Fraction(rate), options=options)
        height = width * 3 // 4
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for index, shown in enumerate(pictures):
            picture = shown.reformat(width, height, "yuv420p")
            picture.pts, picture.time_base = index, Fraction(1, rate)
            file.mux(stream.encode(picture))
        file.mux(stream.encode(None))


class Program:
    """A program of the site, which can be killed, frozen and restarted with the same arguments.

    Args:
        words: the command line without --status.
        port: of its status page.
    """

    def __init__(self, words: Iterable[str], port: int) -> None:
        self.port = port
        self._words = [*words, "--status", f"127.0.0.1:{port}"]
        self._runs = [Run(self._words)]

    @property
    def run(self) -> Run:
        """The process that runs now, or ran last."""
        return self._runs[-1]

    @property
    def pid(self) -> int:
        return self.run.pid

    @property
    def lines(self) -> list[str]:
        """Its log lines, over all starts."""
        return [line for run in self._runs for line in list(run.lines)]

    def start(self) -> None:
        """Start it again; the previous process must have ended."""
        self._runs.append(Run(self._words))

    def kill(self) -> None:
        """Kill it, as a power failure does."""
        self.run.kill()

    def freeze(self) -> None:
        freeze(self.pid)

    def thaw(self) -> None:
        self.run.send(signal.SIGCONT)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Stop it; return the exit code."""
        return self.run.end(number)

    def get(self, path: str) -> str:
        """Return a page of its status server, also an unhealthy one; empty while none answers."""
        opener = urllib.request.build_opener(_AnyAnswer)
        with (
            contextlib.suppress(OSError),
            opener.open(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer,
        ):
            return str(answer.read().decode())
        return ""

    def health(self) -> dict[str, object]:
        """Return its health details; empty while it does not answer."""
        text = self.get("/health")
        return dict(json.loads(text)) if text else {}

    def metrics(self) -> dict[str, float]:
        """Return all metrics, as `name` or `name{label="value"}`; empty while nobody answers."""
        found = re.findall(r"^(reid_\S+(?:\{.*\})?) (\S+)$", self.get("/metrics"), re.MULTILINE)
        return {name: float(value) for name, value in found}

    def metric(self, name: str) -> float:
        """Return a metric without its prefix, summed over its labels; -1 while nobody answers.

        It is 0 where it is known but has no values yet.
        """
        assert name in {*COUNTERS, *GAUGES}, f"there is no counter or gauge {name}"
        metrics = self.metrics()
        if not metrics:
            return -1.0
        named = [value for key, value in metrics.items() if key.split("{")[0] == f"reid_{name}"]
        return sum(named)

    def until(self, true: Callable[[], object], what: str) -> None:
        """Wait until a condition holds; the program must not end before."""
        self.run.until(true, what)

    def until_said(self, text: str) -> None:
        """Wait until a log line of the running process contains a text."""
        self.run.until_said(text)


class _AnyAnswer(urllib.request.HTTPErrorProcessor):
    """Accepts every HTTP status as an answer."""

    def http_response(self, request: object, response: object) -> object:
        return response


class Site:
    """Starts the parts of a site in one folder, and ends them all.

    Args:
        folder: empty; for files of all parts.
        broker: kind of the broker: "nats" or "mqtt".
        gallery: file or address; None takes a file in the folder.
        site: name of the place.

    Attributes:
        server: the broker.
        config: how to connect to it.
        gallery: file or address.
        observer: takes what camera hosts tell, from the start on.
    """

    def __init__(
        self,
        folder: Path,
        broker: str = "nats",
        gallery: str | None = None,
        site: str = "hall",
    ) -> None:
        self.folder, self.site = folder, site
        self.gallery = gallery or str(folder / "people.sqlite")
        self.server = START[broker](folder / "broker")
        secret = folder / "secret"
        secret.write_text(f"{USER}:{PASSWORD}\n")
        self.config = TransportConfig(
            address=f"{broker}://127.0.0.1:{self.server.port}",
            credentials=str(secret),
            timeout_s=2.0,
            ack_wait_s=2.0,
            stream_bytes=64 * 2**20,
        )
        self._programs: list[Program] = []
        self._cameras: list[Camera] = []
        try:
            self.observer = Observer(self.config, site)
        except BaseException:
            self.server.kill()
            raise

    def camera(self, streams: Mapping[str, Path | str], *words: str) -> Camera:
        """Start an RTSP server; `words` are options of tests/video/rtsp_server.py."""
        self._cameras.append(Camera(streams, *words))
        return self._cameras[-1]

    def cameras(self, name: str, urls: Mapping[str, str]) -> str:
        """Write a list of cameras, by name, and return its path."""
        path = self.folder / f"{name}.yaml"
        lines = [f"- {{name: {camera}, url: '{url}'}}" for camera, url in urls.items()]
        path.write_text("\n".join(["cameras:", *lines, ""]))
        return str(path)

    def edge(self, sources: str, *words: str, name: str = "e1") -> Program:
        """Start a camera host.

        Args:
            sources: a video or a list of cameras.
            words: further options; --set wins over the settings for tests.
            name: of the host.
        """
        settings = [*self._transport(), *EDGE_SETTINGS, f"edge.site={self.site}"]
        first = ["edge", sources, "--config", "edge", "--edge", name, "--encoder", ENCODER]
        first += ["--spool", str(self.folder / f"{name}.spool"), "--device", "cpu"]
        return self._program([*first, *_settings(settings), *words])

    def central(self, *words: str, model: tuple[str, str] = ("--encoder", ENCODER)) -> Program:
        """Start the centre of the site.

        Args:
            words: further options; --set wins over the settings for tests.
            model: option that tells whose embeddings are compared.
        """
        first = ["central", "--site", self.site, "--gallery", self.gallery, *model]
        settings = [*self._transport(), *CENTRAL_SETTINGS]
        return self._program([*first, *_settings(settings), *words])

    def _transport(self) -> list[str]:
        config = self.config
        return [
            f"transport.address={config.address}",
            f"transport.credentials={config.credentials}",
            f"transport.timeout_s={config.timeout_s}",
        ]

    def _program(self, words: list[str]) -> Program:
        self._programs.append(Program(words, free_port()))
        return self._programs[-1]

    def sightings(self) -> dict[Key, SightingRecord]:
        """Return what the gallery holds; none may be there twice. A file must not be in use."""
        with open_gallery(self.gallery, create=False) as store:
            found = store.sightings()
        keyed = {key_of_sighting(self.site, one.id): one for one in found}
        assert len(keyed) == len(found)
        return {key: one for key, one in keyed.items() if key is not None}

    def expected(self) -> dict[Key, tuple[float, float]]:
        """Return first and last time of each tracklet, as the camera hosts told them last."""
        return {
            key: (one.start_s, one.end_s)
            for key, one in self.observer.last().items()
            if len(one.prototypes)
        }

    def finish(
        self, central: Program, *edges: Program, missing: int = 0
    ) -> dict[Key, SightingRecord]:
        """End the camera hosts and then the centre, and compare as `check_gallery` does."""
        for edge in edges:
            assert edge.stop() == 128 + signal.SIGTERM, edge.lines
        return self.check_gallery(central, missing)

    def check_gallery(self, central: Program, missing: int = 0) -> dict[Key, SightingRecord]:
        """Wait until the gallery has what the camera hosts told, end the centre, and compare.

        Every tracklet that was told of must be there once, with the times that were told last and
        somebody's number; nobody is in two places of one camera at a time; the events lead to
        the numbers; and no message is missing, here and at the centre. The camera hosts must have
        ended.

        Args:
            central: the centre.
            missing: messages that camera hosts gave up.

        Returns:
            What the gallery holds.
        """
        self.observer.until(self.observer.over, "the last states")
        self.observer.take(1.0)
        self.observer.check_numbers(missing)
        expected = self.expected()
        if self.gallery.startswith("postgresql://"):
            central.until(lambda: _complete(self.sightings(), expected), "a complete gallery")
        else:
            since_s = time.monotonic() + 6  # the number of those that wait is asked every 5 s
            central.until(
                lambda: time.monotonic() > since_s and central.metric("broker_pending") == 0,
                "nothing waits",
            )
        gaps = central.metric("edge_gaps_total")
        assert central.stop() == 128 + signal.SIGTERM, central.lines
        assert gaps == missing
        assert not [line for line in central.lines if "Traceback" in line]
        found = self.sightings()
        assert {key: (one.start_s, one.end_s) for key, one in found.items()} == expected
        assert all(one.identity for one in found.values())
        assert not list(_in_two_places(found))
        with open_gallery(self.gallery, create=False) as store:
            told = replayed(store.events(), self.site)
        assert told == {key: one.identity for key, one in found.items()}
        return found

    def close(self) -> None:
        for program in self._programs:
            program.kill()
        for camera in self._cameras:
            camera.kill()
        self.observer.close()
        self.server.kill()

    def __enter__(self) -> Site:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _settings(settings: Iterable[str]) -> list[str]:
    return [word for setting in settings for word in ("--set", setting)]


def _complete(
    found: Mapping[Key, SightingRecord], expected: Mapping[Key, tuple[float, float]]
) -> bool:
    spans = {key: (one.start_s, one.end_s) for key, one in found.items()}
    return spans == expected and all(one.identity for one in found.values())


def _in_two_places(found: Mapping[Key, SightingRecord]) -> Iterator[tuple[Key, Key]]:
    """Yield pairs of tracklets of one camera and one person that were there at the same time."""
    by_person: defaultdict[tuple[str, int], list[tuple[float, float, Key]]] = defaultdict(list)
    for key, one in found.items():
        by_person[one.camera, one.identity].append((one.start_s, one.end_s, key))
    for spans in by_person.values():
        last_s, last = -math.inf, spans[0][2]
        for start_s, end_s, key in sorted(spans):
            if start_s < last_s:
                yield last, key
            last_s, last = max((last_s, last), (end_s, key))
