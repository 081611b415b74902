"""The flow: several sources side by side, batches, motion only, and errors on the way."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from reid_tracker import Detections, Pipeline, build_detector, build_encoder, open_source, zoo
from reid_tracker.config import Config, DetectorConfig, EncoderConfig, MatchConfig, VideoConfig
from reid_tracker.errors import ConfigError
from reid_tracker.match import CrossCameraMatcher, build_matcher, matching_from_config
from reid_tracker.osnet import osnet_x0_25
from reid_tracker.track import build_tracker
from reid_tracker.types import Identities, ImageBGR
from tests.conftest import FRAMES, walker_boxes, write_detections, write_video


class WalkerDetector:
    """Finds the red and the blue walker by colour; works on any camera."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def detect(self, image: ImageBGR, frame_index: int | None = None) -> Detections:
        boxes = []
        for channel in (2, 0):
            mask = (image[..., channel] > 180) & (image[..., 1] < 90)
            if mask.sum() > 50:
                rows, columns = np.nonzero(mask)
                boxes.append([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
        count = len(boxes)
        return Detections(
            np.array(boxes, np.float32).reshape(-1, 4),
            np.full(count, 0.9, np.float32),
            np.zeros(count, np.int64),
        )

    def detect_batch(
        self, images: Sequence[ImageBGR], frame_indices: Sequence[int] | None = None
    ) -> list[Detections]:
        self.batches.append(len(images))
        return [self.detect(image) for image in images]


@pytest.fixture
def config(walkers: tuple[Path, Path]) -> Config:
    return Config(
        detector=DetectorConfig(model=str(walkers[1])), encoder=EncoderConfig(model="none")
    )


def test_one_source(walkers: tuple[Path, Path], config: Config) -> None:
    with open_source(str(walkers[0])) as source:
        results = list(Pipeline.from_config(config).run([source]))
    assert [result.frame.index for result in results] == list(range(FRAMES))
    assert {result.camera for result in results} == {"walkers"}
    assert set(np.concatenate([result.tracks.ids for result in results])) == {1, 2}
    last = results[-1]
    np.testing.assert_allclose(
        last.tracks.boxes[np.argsort(last.tracks.detection_index)],
        walker_boxes(FRAMES - 1),
        atol=4,
    )


def test_stages_are_timed(walkers: tuple[Path, Path], config: Config) -> None:
    pipeline = Pipeline.from_config(config)
    with open_source(str(walkers[0])) as source:
        for _ in pipeline.run([source]):
            pass
    assert set(pipeline.times.seconds) == {"read", "detect", "track"}
    assert all(spent > 0 for spent in pipeline.times.seconds.values())


def test_cameras_share_a_batch_and_nothing_else(tmp_path: Path) -> None:
    """Ids, order and results are those of each camera alone; the shorter one just ends."""
    paths = [
        write_video(tmp_path / "a.mp4", frames=30),
        write_video(tmp_path / "b.mp4", frames=18),
    ]
    alone = {}
    for path in paths:
        with open_source(str(path)) as source:
            alone[path.stem] = list(Pipeline(WalkerDetector(), None).run([source]))
    detector = WalkerDetector()
    sources = [open_source(str(path)) for path in paths]
    together: dict[str, list[object]] = {"a": [], "b": []}
    for result in Pipeline(detector, None).run(sources):
        expected = alone[result.camera][len(together[result.camera])]
        np.testing.assert_array_equal(result.tracks.ids, expected.tracks.ids)
        np.testing.assert_array_equal(result.tracks.boxes, expected.tracks.boxes)
        assert result.frame.index == expected.frame.index
        together[result.camera].append(result)
    assert [len(results) for results in together.values()] == [30, 18]
    assert detector.batches == [2] * 18 + [1] * 12


@pytest.mark.parametrize("frames_per_batch", [1, 7, 100])
def test_batching_frames_changes_nothing(
    walkers: tuple[Path, Path], config: Config, frames_per_batch: int
) -> None:
    def ids_and_boxes(size: int) -> list[tuple[list[int], list[list[float]]]]:
        batched = Config(
            detector=config.detector,
            encoder=config.encoder,
            video=VideoConfig(frames_per_batch=size),
        )
        with open_source(str(walkers[0])) as source:
            return [
                (result.tracks.ids.tolist(), result.tracks.boxes.tolist())
                for result in Pipeline.from_config(batched).run([source])
            ]

    assert ids_and_boxes(frames_per_batch) == ids_and_boxes(1)


@pytest.mark.slow
def test_embeddings_reach_the_tracker(tmp_path: Path) -> None:
    """An encoder between detector and tracker; the walkers keep their two ids."""
    video = write_video(tmp_path / "v.mp4")
    encoder = build_encoder("osnet_x0_25")
    with open_source(str(video)) as source:
        results = list(Pipeline(WalkerDetector(), encoder).run([source]))
    assert set(np.concatenate([result.tracks.ids for result in results])) == {1, 2}


def test_sources_of_one_name_are_refused(walkers: tuple[Path, Path], config: Config) -> None:
    sources = [open_source(str(walkers[0])), open_source(str(walkers[0]))]
    with pytest.raises(ConfigError, match="walkers"):
        next(Pipeline.from_config(config).run(sources))


def test_replay_follows_the_stride(tmp_path: Path) -> None:
    video = write_video(tmp_path / "v.mp4")
    detections = write_detections(tmp_path / "det.txt")
    with open_source(str(video), stride=5) as source:
        results = list(Pipeline(build_detector(str(detections)), None).run([source]))
    for result in results:
        np.testing.assert_allclose(
            np.sort(result.detections.boxes, axis=0),
            np.sort(walker_boxes(result.frame.index), axis=0),
            atol=0.01,
        )


def test_auto_without_an_encoder_warns_once_and_tracks_by_motion(
    walkers: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("reid_tracker.zoo.best", lambda _, **__: None)
    pipeline = Pipeline.from_config(Config(detector=DetectorConfig(model=str(walkers[1]))))
    with open_source(str(walkers[0])) as source:
        results = list(pipeline.run([source]))
    assert set(np.concatenate([result.tracks.ids for result in results])) == {1, 2}
    assert "encode" not in pipeline.times.seconds
    (warning,) = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert "reid-track weights pull osnet_x1_0_msmt17" in warning


def test_auto_with_an_encoder_uses_it(
    walkers: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    entry = zoo.load_manifest().get("osnet_x0_25_msmt17")
    torch.save(osnet_x0_25().state_dict(), tmp_path / "net.pth")
    monkeypatch.setattr("reid_tracker.zoo.best", lambda _, **__: (entry, tmp_path / "net.pth"))
    pipeline = Pipeline.from_config(Config(detector=DetectorConfig(model=str(walkers[1]))))
    with open_source(str(walkers[0])) as source:
        next(pipeline.run([source]))
    assert "encode" in pipeline.times.seconds
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


class ColourEncoder:
    """Looks are the mean colour of a box."""

    embedding_size = 3

    def encode_batch(
        self, images: Sequence[ImageBGR], boxes: Sequence[np.ndarray]
    ) -> list[np.ndarray]:
        return [
            np.array([self._look(image, box) for box in here], np.float32).reshape(-1, 3)
            for image, here in zip(images, boxes, strict=True)
        ]

    def _look(self, image: ImageBGR, box: np.ndarray) -> np.ndarray:
        left, top, right, bottom = box.astype(int)
        mean = image[top:bottom, left:right].reshape(-1, 3).mean(axis=0)
        return np.asarray(mean / np.linalg.norm(mean))


def matching_pipeline(**settings: Any) -> Pipeline:
    config = MatchConfig(min_hits=3, patience_s=0.5, loose=0.1, tight=0.1, **settings)
    return Pipeline(
        WalkerDetector(),
        ColourEncoder(),  # type: ignore[arg-type]
        new_matcher=lambda cameras: build_matcher(cameras, config),
    )


def test_several_cameras_share_identities(tmp_path: Path) -> None:
    # The second camera has half the frames per second, and as many seconds.
    write_video(tmp_path / "a.mp4", 40, Fraction(10))
    write_video(tmp_path / "b.mp4", 20, Fraction(5))
    pipeline = matching_pipeline()
    with open_source(str(tmp_path / "a.mp4")) as a, open_source(str(tmp_path / "b.mp4")) as b:
        results = list(pipeline.run([a, b]))
    assert "match" in pipeline.times.seconds
    times = [result.frame.timestamp_s for result in results]
    assert all(later > earlier - 0.25 for earlier, later in itertools.pairwise(times))
    last = {result.camera: result for result in results}
    who = []
    for camera in "ab":
        identities = last[camera].identities
        assert identities is not None
        assert identities.track_ids.tolist() == last[camera].tracks.ids.tolist()
        colours = last[camera].tracks.boxes[:, 1] > 80  # the blue walker walks below
        by_colour = dict(zip(colours.tolist(), identities.ids.tolist(), strict=True))
        assert sorted(by_colour.values()) == [1, 2]
        who.append(by_colour)
    assert who[0] == who[1]
    events = [event for result in results for event in result.events]
    assert [event.kind for event in events][:2] == ["new", "new"]


@pytest.mark.parametrize("frames_per_batch", [1, 8])
def test_the_matcher_gets_frames_in_order_of_time(tmp_path: Path, frames_per_batch: int) -> None:
    write_video(tmp_path / "a.mp4", 20, Fraction(10))
    write_video(tmp_path / "b.mp4", 8, Fraction(4))
    seen: list[float] = []

    class Watching(CrossCameraMatcher):
        def update(self, *given: Any) -> Identities:
            seen.append(given[-1])
            return super().update(*given)

    pipeline = Pipeline(
        WalkerDetector(),
        ColourEncoder(),  # type: ignore[arg-type]
        frames_per_batch=frames_per_batch,
        new_matcher=lambda _: Watching(),
    )
    with open_source(str(tmp_path / "a.mp4")) as a, open_source(str(tmp_path / "b.mp4")) as b:
        assert len(list(pipeline.run([a, b]))) == len(seen) == 28
    assert seen == sorted(seen)


def test_one_camera_has_no_identities(walkers: tuple[Path, Path]) -> None:
    with open_source(str(walkers[0])) as source:
        results = list(matching_pipeline().run([source]))
    assert {result.identities for result in results} == {None}


def test_results_have_the_looks_of_their_tracks(tmp_path: Path) -> None:
    pipeline = Pipeline(WalkerDetector(), ColourEncoder())  # type: ignore[arg-type]
    assert pipeline.embedding_size == 3
    with open_source(str(write_video(tmp_path / "a.mp4"))) as source:
        for result in pipeline.run([source]):
            assert result.embeddings is not None
            assert result.embeddings.shape == (len(result.tracks), 3)
            length = np.linalg.norm(result.embeddings, axis=1)
            encoded = result.tracks.observed if result.frame.index < 10 else length > 0
            np.testing.assert_allclose(length[encoded], 1, atol=1e-5)


class CountingEncoder(ColourEncoder):
    """Also remembers how many images and boxes each call had."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, int]] = []

    def encode_batch(
        self, images: Sequence[ImageBGR], boxes: Sequence[np.ndarray]
    ) -> list[np.ndarray]:
        self.calls.append((len(images), sum(map(len, boxes))))
        return super().encode_batch(images, boxes)


def test_whoever_is_followed_with_nobody_near_is_encoded_once_a_second(tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4", frames=30)
    ids = {}
    for encode in ("auto", "always"):
        encoder = CountingEncoder()
        pipeline = Pipeline(
            WalkerDetector(),
            encoder,  # type: ignore[arg-type]
            lambda encode=encode: build_tracker("default", encode=encode),  # type: ignore[misc]
        )
        with open_source(str(video)) as source:
            ids[encode] = [one.tracks.ids.tolist() for one in pipeline.run([source])]
        assert pipeline.boxes == 60
        assert pipeline.encoded == sum(boxes for _, boxes in encoder.calls)
        assert pipeline.encoded < 45 if encode == "auto" else pipeline.encoded == 60
    assert ids["auto"] == ids["always"]


@pytest.mark.parametrize("frames_per_batch", [1, 7])
def test_cameras_are_encoded_together_however_many_frames_a_batch_has(
    tmp_path: Path, frames_per_batch: int
) -> None:
    paths = [write_video(tmp_path / f"{name}.mp4", frames=28) for name in "ab"]
    encoder = CountingEncoder()
    pipeline = Pipeline(
        WalkerDetector(),
        encoder,  # type: ignore[arg-type]
        frames_per_batch=frames_per_batch,
    )
    results = list(pipeline.run([open_source(str(path)) for path in paths]))
    assert [images for images, _ in encoder.calls] == [2] * 28
    assert len(results) == 56
    assert {one for result in results for one in result.tracks.ids.tolist()} == {1, 2}


@pytest.mark.parametrize("select", [True, False])
def test_a_run_that_matches_can_encode_all_boxes(tmp_path: Path, select: bool) -> None:
    paths = [write_video(tmp_path / f"{name}.mp4", frames=28) for name in "ab"]
    pipeline = Pipeline(
        WalkerDetector(),
        CountingEncoder(),  # type: ignore[arg-type]
        new_matcher=matching_from_config(MatchConfig()),
        select_to_match=select,
    )
    assert len(list(pipeline.run([open_source(str(path)) for path in paths]))) == 56
    assert (pipeline.encoded < pipeline.boxes) == select
    list(pipeline.run([open_source(str(paths[0]))]))  # one camera: nothing is matched
    assert pipeline.encoded < pipeline.boxes


def test_sources_come_and_go_between_batches(walkers: tuple[Path, Path], config: Config) -> None:
    pipeline = Pipeline.from_config(config)
    assert pipeline.embedding_size is None
    first, second = (open_source(str(walkers[0])) for _ in range(2))
    with pytest.raises(ConfigError, match="no run is going on"):
        pipeline.add(second)
    rounds = itertools.count()

    def between() -> None:
        match next(rounds):
            case 5:
                with pytest.raises(ConfigError, match="'walkers' already"):
                    pipeline.add(second)
            case 10:
                pipeline.remove("walkers")
                pipeline.add(second)

    with first, second:
        results = list(pipeline.run([first], between))
    assert [result.frame.index for result in results] == [*range(10), *range(FRAMES)]
    assert all(result.embeddings is None for result in results)
    assert set(np.concatenate([result.tracks.ids for result in results])) == {1, 2}
