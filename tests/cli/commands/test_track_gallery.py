"""`reid-track SOURCE... --gallery`: what is stored, who is known again, times, pictures."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import av
import cv2
import numpy as np
import pytest

from reid_tracker.cli.main import main
from reid_tracker.match.gallery.embedded.store import EmbeddedStore
from reid_tracker.run.memory import start_of
from reid_tracker.types import VideoInfo
from reid_tracker.video import Source
from tests.conftest import write_detections, write_video
from tests.match.gallery.samples import identities, sighting

NOON = "2026-11-24T12:00:00Z"
NOON_S = 1_795_521_600.0

Clip = tuple[Path, Path]


def words(clip: Clip, out: Path, *more: object) -> list[str]:
    video, detections = clip
    given = [video, "--detector", detections, "--device", "cpu", "-o", out, "--no-save-video"]
    return [str(word) for word in [*given, *more]]


def decoded(data: bytes) -> np.ndarray:
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR))


def shown(out: Path) -> set[int | None]:
    """The identities in the last frame."""
    line = (out / "walkers.jsonl").read_text().splitlines()[-1]
    return {track["identity"] for track in json.loads(line)["tracks"]}


def error_line(capsys: pytest.CaptureFixture[str]) -> str:
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("reid-track: error: ")
    return line


@pytest.fixture
def gallery(tmp_path: Path) -> Path:
    return tmp_path / "gallery.sqlite"


@pytest.mark.slow
def test_one_source_is_stored_and_known_again(
    walkers: Clip, gallery: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["--gallery", gallery, "--site", "hall", "--start-time", NOON, "--store-crops"]
    assert main(words(walkers, tmp_path / "a", *more)) == 0
    assert shown(tmp_path / "a") == {1, 2}
    with EmbeddedStore(gallery) as store:
        first = identities(store)
        one, _ = store.sightings()
        crops = store.crops(list(first))
    assert sorted(first.values()) == [1, 2]
    assert (one.camera, one.site) == ("walkers", "hall")
    assert NOON_S <= one.start_s < one.end_s <= NOON_S + 4
    pictures = {first[name]: decoded(data) for name, data in crops.items()}
    # One walker is red, the other blue; each picture shows its own.
    colours = [picture.mean(axis=(0, 1)).round() for picture in pictures.values()]
    assert len(colours) == 2
    assert {int(np.argmax(colour)) for colour in colours} == {0, 2}

    assert main(words(walkers, tmp_path / "b", *more)) == 0
    assert shown(tmp_path / "b") == {1, 2}
    with EmbeddedStore(gallery) as store:
        assert sorted(identities(store).values()) == [1, 1, 2, 2]
    events = [json.loads(line) for line in (tmp_path / "b" / "identities.jsonl").open()]
    assert {(event["kind"], event["identity"]) for event in events} == {("match", 1), ("match", 2)}
    capsys.readouterr()
    assert main(["search", "1", "--gallery", str(gallery), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["identity"], row["camera"]) for row in rows] == [(1, "walkers")] * 2


@pytest.mark.slow
def test_tracks_are_the_same_with_and_without(walkers: Clip, gallery: Path, tmp_path: Path) -> None:
    assert main(words(walkers, tmp_path / "a")) == 0
    assert main(words(walkers, tmp_path / "b", "--gallery", gallery)) == 0
    a, b = ((tmp_path / name / "walkers.txt").read_bytes() for name in "ab")
    assert a == b


@pytest.mark.slow
def test_two_sources_that_show_nobody(gallery: Path, tmp_path: Path) -> None:
    """A run that finds nobody leaves the gallery as it was."""
    detections = write_detections(tmp_path / "det.txt")
    (tmp_path / "x").mkdir()
    videos = [write_video(tmp_path / "walkers.mp4"), write_video(tmp_path / "x" / "walkers.mp4")]
    assert main(words((videos[0], detections), tmp_path / "a", "--gallery", gallery)) == 0
    # A detection file is of one video only, and the shipped detector sees no rectangles.
    more = [str(videos[1]), "--gallery", str(gallery)]
    assert main([str(videos[0]), *more, "-o", str(tmp_path / "b"), "--no-save-video"]) == 0
    with EmbeddedStore(gallery) as store:
        assert sorted(identities(store).values()) == [1, 2]


@pytest.mark.slow
def test_nothing_is_stored_unless_asked_for(walkers: Clip, tmp_path: Path) -> None:
    assert main(words(walkers, tmp_path / "out")) == 0
    assert not list(tmp_path.rglob("*.sqlite*"))


@pytest.mark.slow
def test_settings_of_a_file(walkers: Clip, gallery: Path, tmp_path: Path) -> None:
    config = tmp_path / "my.yaml"
    config.write_text(f"gallery: {{address: {gallery}, site: hall, retention_h: 1}}\n")
    with EmbeddedStore(gallery, clock=lambda: time.time() - 7200) as store:
        rows = np.eye(1, 512, dtype=np.float32)
        store.write(
            [replace(sighting("old", 9), model="osnet_x0_5_market_cuhk03", embeddings=rows)]
        )
    more = ["--config", config, "--set", "gallery.start_time='1700000000'"]
    assert main(words(walkers, tmp_path / "out", *more)) == 0
    with EmbeddedStore(gallery) as store:
        assert sorted(identities(store).values()) == [10, 11]
        assert {one.site for one in store.sightings()} == {"hall"}
        assert store.sightings()[0].start_s >= 1_700_000_000
        assert store.info().crops == 0


@pytest.mark.parametrize(
    ("more", "code", "message"),
    [
        (["--encoder", "none"], 2, "a gallery compares embeddings"),
        (["--set", "match.enabled=false"], 2, "match.enabled = false"),
        (["--start-time", "soon"], 2, "'soon' is not a valid time"),
        (["--retention-h", "0"], 2, "retention_h"),
        (["--gallery", "ftp://me:geheim@host/x"], 2, "no gallery can be at ftp://"),
        (["--gallery", "/proc/none/gallery.sqlite"], 1, "cannot create the gallery"),
    ],
)
def test_one_line(
    more: list[str],
    code: int,
    message: str,
    walkers: Clip,
    gallery: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    more = ["--start-time", NOON, "--gallery", str(gallery), *more]
    assert main(words(walkers, tmp_path / "out", "--quiet", *more)) == code
    line = error_line(capsys)
    assert message in line
    assert "geheim" not in line


def test_another_encoder(
    walkers: Clip, gallery: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with EmbeddedStore(gallery) as store:
        store.write([sighting("old", 9)])
    more = ["--start-time", NOON, "--gallery", gallery, "--quiet"]
    assert main(words(walkers, tmp_path / "out", *more)) == 1
    assert "use the same encoder, or another gallery" in error_line(capsys)


@pytest.mark.slow
def test_blurred_heads_are_blurred_everywhere(walkers: Clip, gallery: Path, tmp_path: Path) -> None:
    """The walkers are of one colour on grey: where that runs into the other, heads are blurred."""
    video, detections = walkers
    more = ["--store-crops", "--gallery", str(gallery), "--start-time", NOON, "--save-crops"]
    heads = {}
    for name, option in (("plain", "--no-blur-heads"), ("blurred", "--blur-heads")):
        out = tmp_path / name
        given = [str(video), "--detector", str(detections), "--device", "cpu", "-o", str(out)]
        assert main([*given, *more, "--no-save-video", option]) == 0
        with EmbeddedStore(gallery) as store:
            pictures = list(store.crops(list(identities(store))).values())
            store.purge()
        pictures += [path.read_bytes() for path in (out / "walkers_crops").rglob("*.jpg")]
        assert len(pictures) > 4
        heads[name] = [_edge_of_head(data) for data in pictures]
    assert max(heads["plain"]) < 40 < min(heads["blurred"])


def _edge_of_head(data: bytes) -> float:
    """How much the colours of a crop's upper rows differ from those of its middle."""
    picture = decoded(data).astype(float)
    middle = picture[len(picture) // 2, picture.shape[1] // 2]
    return float(np.abs(picture[1:6, 4:-4] - middle).max())


def _source(name: str, recorded_s: float | None = None, *, live: bool = False) -> Source:
    info = VideoInfo(8, 8, Fraction(10), recorded_s=recorded_s)
    return cast(Source, SimpleNamespace(name=name, info=info, live=live))


def test_when_a_run_begins(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    early, late, unknown = _source("a", 2e9), _source("b", 2e9 + 3), _source("c")
    assert start_of(NOON, [early]) == NOON_S
    assert start_of(None, [late, early, unknown]) == 2e9
    assert not caplog.messages
    assert start_of(None, [unknown]) == 0
    assert "c: the file does not say when it was recorded" in caplog.messages[0]
    monkeypatch.setattr("time.time", lambda: 5e8)
    assert start_of(None, [_source("camera", live=True), early]) == 5e8
    assert start_of(None, [early, _source("d", 2e9 + 7200)]) == 2e9
    assert "starts them together" in caplog.messages[1]


@pytest.mark.slow
def test_a_file_that_says_when(walkers: Clip, gallery: Path, tmp_path: Path) -> None:
    dated = tmp_path / "dated" / "walkers.mp4"
    dated.parent.mkdir()
    with av.open(str(walkers[0])) as source, av.open(str(dated), "w") as target:
        target.metadata["creation_time"] = NOON
        stream: Any = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    assert main(words((dated, walkers[1]), tmp_path / "out", "--gallery", gallery)) == 0
    with EmbeddedStore(gallery) as store:
        assert NOON_S <= store.sightings()[0].start_s < NOON_S + 4
