"""`reid-track edge` as a process with a real NATS server: its messages survive faults."""

from __future__ import annotations

import json
import shlex
import signal
import socket
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path

import pytest

from reid_tracker.cli.main import main, parser_of
from reid_tracker.cli.options import to_config
from reid_tracker.config import EdgeConfig
from reid_tracker.resources import shipped
from reid_tracker.transport import (
    Broker,
    CameraMessage,
    Receiver,
    TrackletMessage,
    open_broker,
    pattern_of,
)
from tests.cli.runs import Run, long_walk
from tests.conftest import write_detections
from tests.transport.conftest import config_for
from tests.transport.servers import PASSWORD, free_port, nats_server
from tests.video.rtsp import Camera, need_server, write_scene

SITE = "hall"
WAIT_S = 90.0


class Centre:
    """A NATS server and its received messages."""

    def __init__(self, folder: Path) -> None:
        self.server = nats_server(folder / "nats")
        self.config = config_for("nats", self.server, folder)
        self._broker: Broker | None = None
        self._receivers: list[Receiver] = []
        self.tracklets: list[TrackletMessage] = []
        self.states: list[CameraMessage] = []

    def listen(self) -> None:
        """Start to receive; before that, and during outages, streams keep the messages."""
        self._broker = open_broker(self.config)
        self._receivers = [
            Receiver(self._broker.subscribe(pattern_of(kind, SITE), f"centre-{kind}"))
            for kind in ("tracklet", "status")
        ]

    def take(self, timeout_s: float = 0.3) -> None:
        """Receive all waiting messages."""
        for receiver in self._receivers:
            while (got := receiver.receive(timeout_s)) is not None:
                message = got.message
                if isinstance(message, TrackletMessage):
                    self.tracklets.append(message)
                elif isinstance(message, CameraMessage):
                    self.states.append(message)
                got.ack()

    def until(self, true: Callable[[], object]) -> None:
        deadline = time.monotonic() + WAIT_S
        while not true():
            assert time.monotonic() < deadline
            self.take(0.05)

    def ended(self) -> list[TrackletMessage]:
        return [one for one in self.tracklets if one.state == "end"]

    def open(self) -> set[tuple[str, str, str, int]]:
        """Tracklets without an end."""
        return {one.key for one in self.tracklets} - {one.key for one in self.ended()}

    def check_numbers(self) -> None:
        """Check that every number of each start came exactly once."""
        for boot in {one.boot for one in self.tracklets}:
            messages: list[TrackletMessage | CameraMessage] = [*self.tracklets, *self.states]
            got = [one.edge_seq for one in messages if one.boot == boot]
            assert sorted(got) == list(range(len(got)))

    def close(self) -> None:
        if self._broker is not None:
            self._broker.close()
        self.server.kill()


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[Centre]:
    made = Centre(tmp_path)
    yield made
    made.close()


@pytest.fixture
def start(tmp_path: Path, centre: Centre) -> Iterator[Callable[..., Run]]:
    """Starts camera hosts and ends them."""
    runs: list[Run] = []

    def start_one(*words: str) -> Run:
        runs.append(Run(["edge", *words, *options(centre, tmp_path)]))
        return runs[-1]

    yield start_one
    for run in runs:
        run.kill()


def options(centre: Centre, folder: Path) -> list[str]:
    return [
        *("--broker", centre.config.address, "--credentials", str(centre.config.credentials)),
        *("--site", SITE, "--edge", "e1", "--spool", str(folder / "spool.sqlite")),
        *("--start-time", "2026-11-24T18:30Z"),
    ]


def seen_frames(words: list[str], folder: Path) -> Counter[int]:
    """Return the frames in which an ordinary run detected each track."""
    assert main([*words, "-o", str(folder / "out"), "--no-save-video", "--quiet"]) == 0
    (path,) = (folder / "out").glob("*.jsonl")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return Counter(track["id"] for line in lines for track in line["tracks"] if track["observed"])


@pytest.mark.slow
def test_what_an_ordinary_run_sees_arrives(
    centre: Centre, start: Callable[..., Run], tmp_path: Path
) -> None:
    words = long_walk(tmp_path, loops=3)
    expected = seen_frames(words, tmp_path)
    centre.listen()
    assert start(*words).end(None) == 0
    centre.until(lambda: centre.states and centre.states[-1].state == "gone")
    centre.until(lambda: len(centre.ended()) >= len(expected))
    centre.take()
    assert {one.track: one.frames for one in centre.ended()} == expected
    assert len(centre.ended()) == len(expected)
    assert centre.open() == set()
    centre.check_numbers()
    for track in expected:
        states = [one.state for one in centre.tracklets if one.track == track]
        assert states == ["new", *["update"] * (len(states) - 2), "end"]
    for one in centre.tracklets:
        assert one.start_s >= 1_795_545_000  # 2026-11-24T18:30Z
        assert one.clock == "file"
        assert one.prototypes.dim == 512
        assert len(one.prototypes) >= 1
    # A state is sent again every few seconds of a run that takes long.
    camera = [state for state, _ in groupby((one.state, one.reason) for one in centre.states)]
    assert camera == [("live", ""), ("gone", "ended")]
    assert centre.states[-1].frames == 120


@pytest.mark.long
def test_a_broker_that_comes_later_gets_everything(
    centre: Centre, start: Callable[..., Run], tmp_path: Path
) -> None:
    centre.server.kill()
    words = long_walk(tmp_path, loops=2)
    run = start(*words)
    assert run.end(None) == 0
    assert any("tracking starts, and messages are kept" in line for line in run.lines)
    assert PASSWORD not in " ".join(run.lines)
    centre.server.start()
    centre.listen()
    (tmp_path / "again").mkdir()
    assert start(*long_walk(tmp_path / "again", loops=1)).end(None) == 0
    centre.until(lambda: len(centre.ended()) >= 6)
    centre.take()
    assert len(centre.ended()) == 6
    assert centre.open() == set()
    assert len({one.boot for one in centre.tracklets}) == 2
    centre.check_numbers()


@pytest.mark.long
def test_a_broker_that_goes_and_returns_during_a_run(
    centre: Centre, start: Callable[..., Run], tmp_path: Path
) -> None:
    centre.listen()
    run = start(*long_walk(tmp_path, loops=1000))
    centre.until(lambda: len(centre.ended()) >= 2)
    centre.server.kill()
    run.until_said("messages are kept and sent later")
    time.sleep(1)  # some tracklets begin and end without the broker
    centre.server.start()
    run.until_said("the broker is back")
    assert run.end(signal.SIGTERM) == 143
    centre.until(lambda: centre.states and centre.states[-1].state == "gone")
    centre.take()
    assert centre.open() == set()
    assert len({one.key for one in centre.ended()}) == len(centre.ended())
    centre.check_numbers()


@pytest.mark.long
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)]
)
def test_a_signal_ends_tracklets_first(
    centre: Centre, start: Callable[..., Run], tmp_path: Path, number: int, code: int
) -> None:
    centre.listen()
    run = start(*long_walk(tmp_path, loops=500))
    centre.until(lambda: len(centre.tracklets) >= 3)
    began_s = time.monotonic()
    assert run.end(number) == code
    assert time.monotonic() - began_s < 10  # on a busy machine, with the interpreter's own end
    centre.until(lambda: centre.states[-1].state == "gone")
    centre.take()
    assert centre.open() == set()
    assert centre.states[-1].reason == "stopped"
    centre.check_numbers()
    assert not [line for line in run.lines if "Traceback" in line]


@pytest.mark.long
def test_a_signal_while_the_broker_is_away_stores_the_ends(
    centre: Centre, start: Callable[..., Run], tmp_path: Path
) -> None:
    centre.server.kill()
    run = start(*long_walk(tmp_path, loops=500), "--status", f"127.0.0.1:{(port := free_port())}")
    run.until(lambda: metric(port, "reid_tracklets_published_total") >= 5, "tracklets")
    began_s = time.monotonic()
    assert run.end(signal.SIGTERM) == 143
    assert time.monotonic() - began_s < 10
    centre.server.start()
    centre.listen()
    (tmp_path / "again").mkdir()
    assert start(*long_walk(tmp_path / "again", loops=1)).end(None) == 0
    centre.until(lambda: len({one.boot for one in centre.states}) == 2)
    centre.take()
    assert centre.open() == set()
    centre.check_numbers()


@pytest.mark.long
def test_a_signal_while_the_broker_is_frozen(
    centre: Centre, start: Callable[..., Run], tmp_path: Path
) -> None:
    centre.listen()
    run = start(*long_walk(tmp_path, loops=500))
    centre.until(lambda: len(centre.tracklets) >= 3)
    centre.server.freeze()
    try:
        time.sleep(0.5)  # messages are being sent at this moment
        began_s = time.monotonic()
        assert run.end(signal.SIGTERM) == 143
        assert time.monotonic() - began_s < 12  # edge.drain_s and the closing, on a busy machine
    finally:
        centre.server.thaw()
    (tmp_path / "again").mkdir()
    assert start(*long_walk(tmp_path / "again", loops=1)).end(None) == 0
    centre.until(lambda: len({one.boot for one in centre.states}) == 2)
    centre.until(lambda: not centre.open())
    centre.take()
    assert len({one.key for one in centre.ended()}) == len(centre.ended())
    centre.check_numbers()


@pytest.mark.long
def test_a_camera_that_is_lost_and_comes_back(
    centre: Centre, start: Callable[..., Run], tmp_path: Path
) -> None:
    need_server()
    centre.listen()
    detections = write_detections(tmp_path / "det.txt", frames=5000)
    cameras = tmp_path / "cameras.yaml"
    with Camera({"door": write_scene(tmp_path / "small.mp4")}) as camera:
        cameras.write_text(
            f"cameras:\n- {{name: door, url: '{camera.url()}', username: me, password: hunter2}}\n"
        )
        run = start(
            *(str(cameras), "--detector", str(detections), "--device", "cpu"),
            *("--set", "stream.hardware=none", "--set", "edge.status_every_s=60"),
        )
        centre.until(lambda: len(centre.tracklets) >= 4)
        camera.kill()
        # Visible people are reported as gone although no frame comes.
        centre.until(lambda: centre.states[-1].state == "gone" and not centre.open())
        assert centre.states[-1].reason
        camera.start({"door": tmp_path / "small.mp4"})
        centre.until(lambda: centre.states[-1].state == "live" and centre.open())
        assert run.end(signal.SIGTERM) == 143
        centre.until(lambda: centre.states[-1].reason == "stopped")
    centre.take()
    assert centre.open() == set()
    assert {one.clock for one in centre.tracklets} <= {"rtcp", "arrival"}
    assert all(abs(one.end_s - time.time()) < 600 for one in centre.tracklets)
    centre.check_numbers()
    assert "hunter2" not in " ".join(run.lines)


@pytest.mark.long
def test_a_killed_host_begins_anew_and_nothing_is_doubled(
    centre: Centre, start: Callable[..., Run], tmp_path: Path
) -> None:
    centre.listen()
    words = long_walk(tmp_path, loops=500)
    first = start(*words)
    centre.until(lambda: len(centre.tracklets) >= 6)
    first.kill()
    second = start(*words)
    centre.until(lambda: len({one.boot for one in centre.tracklets}) == 2)
    assert second.end(signal.SIGTERM) == 143
    centre.until(lambda: centre.states[-1].state == "gone")
    centre.take()
    assert len({one.message_id for one in centre.tracklets}) == len(centre.tracklets)
    centre.check_numbers()
    boots = [one.boot for one in centre.tracklets]
    assert {key[1] for key in centre.open()} <= {
        boots[0]
    }  # the killed host could not report its end


@pytest.mark.long
def test_sighup_reads_the_list_again(
    centre: Centre, start: Callable[..., Run], tmp_path: Path
) -> None:
    centre.listen()
    video, *options = long_walk(tmp_path, loops=1000)
    cameras = tmp_path / "cameras.yaml"

    def name(camera: str) -> None:
        cameras.write_text(f"cameras:\n- {{name: {camera}, url: {video}}}\n")

    def seen(camera: str) -> list[int]:
        return [one.track for one in centre.tracklets if one.camera == camera]

    name("door")
    run = start(str(cameras), *options)
    centre.until(lambda: len(seen("door")) >= 2)
    cameras.write_text("cameras: [{urll: door}]\n")
    run.send(signal.SIGHUP)
    run.until_said("nothing was changed")
    name("yard")
    run.send(signal.SIGHUP)
    run.until_said("0 kept, added: yard, removed: door")
    centre.until(lambda: seen("yard"))
    assert not [key for key in centre.open() if key[2] == "door"]
    assert [one.reason for one in centre.states if one.state == "gone"] == ["removed"]
    highest = max(seen("door"))
    before = len(seen("door"))
    name("door")
    run.send(signal.SIGHUP)
    centre.until(lambda: len(seen("door")) > before)
    assert min(seen("door")[before:]) > highest
    assert run.end(signal.SIGTERM) == 143
    centre.until(lambda: centre.states[-1].reason == "stopped")
    centre.take()
    assert centre.open() == set()
    assert len({one.key for one in centre.ended()}) == len(centre.ended())
    centre.check_numbers()


@pytest.mark.long
def test_sighup_replaces_a_network_camera(
    centre: Centre, start: Callable[..., Run], tmp_path: Path
) -> None:
    need_server()
    centre.listen()
    detections = write_detections(tmp_path / "det.txt", frames=5000)
    cameras, clip = tmp_path / "cameras.yaml", write_scene(tmp_path / "small.mp4")
    with Camera({"door": clip, "yard": clip}) as server:

        def name(camera: str) -> None:
            url = server.url(camera)
            cameras.write_text(f"cameras:\n- {{name: {camera}, url: '{url}'}}\n")

        name("door")
        options = [
            "--detector",
            str(detections),
            "--device",
            "cpu",
            "--set",
            "stream.hardware=none",
        ]
        run = start(str(cameras), *options)
        centre.until(lambda: len(centre.tracklets) >= 4)
        name("yard")
        run.send(signal.SIGHUP)
        centre.until(lambda: [one for one in centre.tracklets if one.camera == "yard"])
        assert {key[2] for key in centre.open()} == {"yard"}
        assert run.end(signal.SIGTERM) == 143
        centre.until(lambda: centre.states[-1].reason == "stopped")
    centre.take()
    assert centre.open() == set()
    reasons = [(one.camera, one.reason) for one in centre.states if one.state == "gone"]
    assert [one for one in reasons if one[0] == "door"] == [("door", "removed")]
    centre.check_numbers()


def test_the_unit_of_systemd_starts_what_there_is() -> None:
    text = shipped("configs", "deploy", "reid-track-edge.service").read_text()
    command = text.replace("\\\n", " ").partition("ExecStart=")[2].partition("\n")[0]
    program, edge, *words = shlex.split(command)
    assert (Path(program).name, edge) == ("reid-track", "edge")
    given = parser_of("edge").parse(words)
    assert given.sources == ["/etc/reid/cameras.yaml"]
    config = to_config(given).edge
    assert config == EdgeConfig(name="${EDGE}", site="${SITE}", delete_after_h=72.0)


def get(port: int, path: str, token: str = "") -> str:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}")
    request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
        return str(answer.read().decode())


def metric(port: int, name: str) -> float:
    """Return a metric without labels; -1 while nobody answers."""
    try:
        text = get(port, "/metrics")
    except OSError:
        return -1.0
    values = [line.split()[1] for line in text.splitlines() if line.startswith(f"{name} ")]
    return float(values[0]) if values else -1.0


def answers(port: int, token: str) -> bool:
    try:
        return bool(get(port, "/health", token))
    except OSError:
        return False


@pytest.mark.slow
def test_status_logs_and_systemd(
    centre: Centre, start: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    centre.listen()  # makes the streams, which hosts never do
    notes = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notes.bind(str(tmp_path / "notify"))
    notes.settimeout(WAIT_S)
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    (tmp_path / "token").write_text("s3cret-token\n")
    port = free_port()
    words = [*long_walk(tmp_path, loops=500), "--status", f"127.0.0.1:{port}", "--json-logs"]
    run = start(*words, "--status-token-file", str(tmp_path / "token"))
    assert notes.recv(100) == b"READY=1"
    run.until(lambda: answers(port, "s3cret-token"), "an answer")
    with pytest.raises(urllib.error.HTTPError, match="401"):
        get(port, "/health", "other")
    run.until(
        lambda: "reid_spool_messages 0.0" in get(port, "/metrics", "s3cret-token"), "an empty spool"
    )
    health = json.loads(get(port, "/health", "s3cret-token"))
    assert (health["healthy"], health["edge"], health["broker"]) == (True, "e1", "up")
    assert health["cameras"] == {"walk": {"state": "live", "reason": ""}}
    # Stages are reported after the first batch, which takes long on a slow machine.
    run.until(
        lambda: (
            'reid_stage_seconds_bucket{le="0.001",stage="detect"}'
            in get(port, "/metrics", "s3cret-token")
        ),
        "the time of a stage",
    )
    metrics = get(port, "/metrics", "s3cret-token")
    for line in (
        'reid_camera_up{camera="walk"} 1.0',
        'reid_camera_state{camera="walk",state="live"} 1.0',
        'reid_camera_state{camera="walk",state="gone"} 0.0',
        "reid_broker_up 1.0",
    ):
        assert line in metrics
    centre.server.kill()
    run.until_said("messages are kept and sent later")
    assert notes.recv(100) == b"WATCHDOG=1"
    run.send(signal.SIGTERM)
    while (note := notes.recv(100)) == b"WATCHDOG=1":
        pass
    assert note == b"STOPPING=1"
    assert run.end(None) == 143
    records = [json.loads(line) for line in run.lines if line.startswith("{")]
    assert records
    assert {one["edge"] for one in records} == {"e1"}
    notes.close()


def refusal(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["edge", *words, "--site", "north"]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    return line


def test_mistakes_are_one_line(
    walkers: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video = str(walkers[0])
    nats = ("--broker", "nats://127.0.0.1:1")
    assert "expected memory or one of nats://HOST" in refusal(
        capsys, video, "--broker", "http://h:80"
    )
    assert "--broker nats://127.0.0.1:4222" in refusal(capsys, video)
    line = refusal(capsys, video, "--broker", "nats://me:hunter2@h:4222")
    assert "REID_TRANSPORT_USER" in line
    assert "hunter2" not in line
    line = refusal(capsys, video, *nats, "--status-token-file", str(tmp_path / "none"))
    assert "No such file" in line
    (tmp_path / "empty").write_text("\n")
    line = refusal(capsys, video, *nats, "--status-token-file", str(tmp_path / "empty"))
    assert "expected one line" in line
    (tmp_path / "cameras.yaml").write_text("cameras: []\n")
    assert "cameras.yaml" in refusal(capsys, str(tmp_path / "cameras.yaml"), *nats)
    assert "invalid name" in refusal(capsys, video, *nats, "--edge", "e" * 201)
    assert "is not a valid time" in refusal(capsys, video, *nats, "--start-time", "yesterday")


def test_a_host_without_a_site_would_send_where_nobody_listens(
    walkers: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    for more in ([], ["--site", ""]):
        assert main(["edge", str(walkers[0]), "--broker", "nats://127.0.0.1:1", *more]) == 2
        (line,) = capsys.readouterr().err.strip().splitlines()
        assert "add --site NAME" in line


def test_a_host_needs_an_encoder(
    walkers: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    video, detections = map(str, walkers)
    words = ["--detector", detections, "--encoder", "none", "--start-time", "2h"]
    words += ["--broker", "nats://127.0.0.1:1"]
    assert "expected an encoder" in refusal(capsys, video, *words)


@pytest.mark.slow
def test_two_hosts_cannot_share_a_spool(
    centre: Centre, start: Callable[..., Run], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = long_walk(tmp_path, loops=500)
    run = start(*words)
    run.until((tmp_path / "spool.sqlite").exists, "a spool")
    assert main(["edge", *words, *options(centre, tmp_path)]) == 1
    assert "spool.sqlite" in capsys.readouterr().err
