"""What models find in videos, and the cache of it."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import fields, replace
from pathlib import Path
from threading import Thread

import av
import cv2
import numpy as np
import pytest

from reid_tracker.config import Config, DetectorConfig, EncoderConfig, VideoConfig
from reid_tracker.geometry import xyxy_to_tlwh
from reid_tracker.pipeline import Pipeline, suited_to_models
from reid_tracker.run import found as room
from reid_tracker.run.found import FoundVideo, FoundVideos, cache_folder, replay
from reid_tracker.video import open_source
from tests.conftest import write_detections


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """A folder of six pictures."""
    folder = tmp_path / "img1"
    folder.mkdir()
    for index in range(6):
        cv2.imwrite(str(folder / f"{index + 1:06}.png"), np.full((48, 64, 3), index, np.uint8))
    return folder


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Two detections in each of six frames, and no encoder."""
    boxes = write_detections(tmp_path / "boxes.txt", 6)
    return Config(detector=DetectorConfig(model=str(boxes)), encoder=EncoderConfig(model="none"))


class _Looks:
    """An encoder whose embeddings tell the order of the boxes."""

    embedding_size = 3

    def encode_batch(self, images: object, boxes: list[np.ndarray]) -> list[np.ndarray]:
        return [np.eye(3, dtype=np.float32)[np.arange(len(one)) % 3] for one in boxes]


def same(one: FoundVideo, other: FoundVideo) -> bool:
    pairs = [(getattr(one, item.name), getattr(other, item.name)) for item in fields(FoundVideo)]
    return all(
        a == b if isinstance(a, str) else a.dtype == b.dtype and np.array_equal(a, b, True)
        for a, b in pairs
    )


def no_models(config: object) -> None:
    raise AssertionError("the models run again")


def test_a_video_is_looked_at_once(
    video: Path, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(config, encoder=EncoderConfig(model="osnet_x0_25"))
    monkeypatch.setattr(room, "encoder_or_none", lambda _: _Looks())
    steps: list[None] = []
    first = FoundVideos(config).of(video, None, lambda: steps.append(None))
    assert len(steps) == len(first.frames) == 6
    assert first.counts.tolist() == [2] * 6
    assert first.embeddings.shape == (12, 3)
    assert np.isnan(first.motions).all()
    monkeypatch.setattr(room, "build_detector", no_models)
    assert same(FoundVideos(config).of(video, None), first)
    with pytest.raises(AssertionError, match="run again"):
        FoundVideos(config, cached=False).of(video, None)


def test_the_file_is_that_of_content_and_settings(
    video: Path, config: Config, tmp_path: Path
) -> None:
    def files(config: Config, video: Path = video, rate: float | None = None) -> int:
        FoundVideos(config).of(video, rate)
        return len(list(cache_folder().iterdir()))

    assert files(config) == 1
    copy = shutil.copytree(video, tmp_path / "copy")
    assert files(config, copy) == 1
    assert files(replace(config, video=VideoConfig(frames_per_batch=3)), copy) == 1
    assert files(config, copy, 5.0) == 2
    assert files(replace(config, video=VideoConfig(stride=2))) == 3
    assert files(replace(config, detector=replace(config.detector, confidence=0.95))) == 4
    write_detections(tmp_path / "boxes.txt", 6, skip=(5,))
    assert files(config) == 5


def test_a_folder_of_pictures_is_known_by_its_pictures(video: Path, config: Config) -> None:
    found = FoundVideos(config).of(video, 7.0)
    assert found.sizes.tolist() == [[64, 48]] * 6
    assert found.times_s[:3] == pytest.approx([0, 1 / 7, 2 / 7])
    cv2.imwrite(str(video / "000002.png"), np.full((48, 64, 3), 9, np.uint8))
    assert FoundVideos(config).of(video, 7.0).content != found.content


def test_what_is_stopped_leaves_nothing(
    video: Path, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        FoundVideos(config).of(video, None, stop)
    assert not cache_folder().exists()
    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", stop)
        with pytest.raises(KeyboardInterrupt):
            FoundVideos(config).of(video, None)
    assert not list(cache_folder().iterdir())
    # A run that is killed cannot clear up; one of the next days does.
    for name, age_s in (("old.part", 2 * 86400), ("new.part", 60)):
        (cache_folder() / name).touch()
        os.utime(cache_folder() / name, (time.time() - age_s,) * 2)
    FoundVideos(config).of(video, None)
    assert sorted(path.suffix for path in cache_folder().iterdir()) == [".npz", ".part"]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 half", b"no archive"])
def test_a_damaged_file_is_made_again(
    content: bytes, video: Path, config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    first = FoundVideos(config).of(video, None)
    (file,) = cache_folder().iterdir()
    whole = file.read_bytes()
    file.write_bytes(content)
    assert same(FoundVideos(config).of(video, None), first)
    assert "is damaged and will be rebuilt" in caplog.text
    assert len(file.read_bytes()) == len(whole)


def test_arrays_that_do_not_fit_together_are_refused(tmp_path: Path) -> None:
    found = FoundVideo(
        "x",
        *(np.zeros(2, np.int64), np.zeros(2), np.zeros((2, 2), np.int64), np.zeros((2, 2, 3))),
        *(np.array([1, 2]), np.zeros((3, 4), np.float32), np.zeros(3, np.float32)),
        *(np.zeros(3, np.int64), np.zeros((3, 5), np.float32)),
    )
    found.save(tmp_path / "good.npz")
    assert same(FoundVideo.loaded(tmp_path / "good.npz"), found)
    replace(found, counts=np.array([1, 3])).save(tmp_path / "bad.npz")
    with pytest.raises(ValueError, match="do not fit together"):
        FoundVideo.loaded(tmp_path / "bad.npz")


def test_runs_at_the_same_time_write_the_same(video: Path, config: Config) -> None:
    found: list[FoundVideo] = []
    threads = [
        Thread(target=lambda: found.append(FoundVideos(config).of(video, None))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(same(one, found[0]) for one in found)
    assert len(found) == 3
    assert [path.suffix for path in cache_folder().iterdir()] == [".npz"]


def test_a_cache_that_cannot_be_written_stops_nobody(
    video: Path, config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    cache_folder().touch()
    assert len(FoundVideos(config).of(video, None).frames) == 6
    assert "cannot be kept in" in caplog.text


@pytest.mark.slow
def test_a_replay_gives_what_a_run_gives(config: Config, tmp_path: Path) -> None:
    write_detections(tmp_path / "boxes.txt")
    video = tmp_path / "panning.mp4"
    world = np.random.default_rng(0).integers(0, 256, (30, 60, 3)).astype(np.uint8)
    world = np.kron(world, np.ones((8, 8, 1), np.uint8))
    with av.open(str(video), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for index in range(40):
            picture = np.ascontiguousarray(world[:, 2 * index : 2 * index + 320])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode(None))
    config = suited_to_models(config)
    found = FoundVideos(config).of(video, None)
    assert np.nanmean(found.motions[:, 0, 2]) == pytest.approx(-2, abs=0.3)
    expected = []
    with open_source(video) as source:
        for result in Pipeline.from_config(config).run([source]):
            tracks = result.tracks
            numbers = np.full(len(tracks), result.frame.index + 1)
            boxes = xyxy_to_tlwh(tracks.boxes)
            expected.append(np.column_stack([numbers, tracks.ids, boxes, tracks.scores]))
    rows, seconds = replay(found, config.tracker)
    assert np.array_equal(rows, np.concatenate(expected).round(2))
    assert len(rows) > 60
    assert seconds > 0
