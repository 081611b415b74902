"""Runs whose frames stay in the memory of a device: the same people with the same ids."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest

from reid_tracker import Pipeline, open_source
from reid_tracker.config import Config, DetectorConfig, EncoderConfig, VideoConfig
from reid_tracker.errors import ConfigError
from reid_tracker.pipeline import device_path
from reid_tracker.types import FrameResult
from tests.conftest import ROOT, shared

DEMO = ROOT / "demo" / "pedestrians.mp4"


def config(frames_on: str, *, batch: int = 1) -> Config:
    return Config(
        detector=DetectorConfig(model="person_yolo11n", device="cpu"),
        encoder=EncoderConfig(model="osnet_x0_25_cuhk03", device="cpu"),
        video=VideoConfig(frames_on=frames_on, frames_per_batch=batch),
    )


def clip(source: Path, target: Path, frames: int) -> Path:
    """Copy the first frames of a video or folder, without loss; a run then reads to the end."""
    with open_source(source) as opened, av.open(str(target), "w") as container:
        stream = container.add_stream("ffv1", rate=opened.info.frame_rate)
        stream.width, stream.height = opened.info.width, opened.info.height
        stream.pix_fmt = "bgr0"
        for frame in islice(opened, frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame.image, "bgr24")))
        container.mux(stream.encode(None))
    return target


def followed(settings: Config, source: Path) -> list[FrameResult]:
    with open_source(source) as opened:
        return list(Pipeline.from_config(settings).run([opened]))


def ids(results: list[FrameResult]) -> Iterator[dict[int, tuple[int, ...]]]:
    """Yield the id of each observed track by the cell of 8 pixels that its box lies in."""
    for result in results:
        seen = result.tracks[result.tracks.observed]
        yield {int(one.ids[0]): tuple((one.boxes[0] / 8).round().astype(int)) for one in seen}


def same_ids(here: list[FrameResult], there: list[FrameResult]) -> None:
    """Check that the same people have the same ids.

    A box whose score lies at the limit of the detector may be found on one side alone, so a track
    may be observed there a frame more.
    """
    assert len(here) == len(there)
    shared_by_both = either = 0
    numbers: tuple[set[int], set[int]] = (set(), set())
    for host, device in zip(ids(here), ids(there), strict=True):
        numbers[0].update(host)
        numbers[1].update(device)
        shared_by_both += len(set(host) & set(device))
        either += len(set(host) | set(device))
        for number in set(host) & set(device):
            assert np.abs(np.subtract(host[number], device[number])).max() <= 2
    assert numbers[0] == numbers[1]
    assert shared_by_both >= 0.97 * either, (shared_by_both, either)


@pytest.mark.slow
def test_the_demo_has_the_same_people(tmp_path: Path) -> None:
    short = clip(DEMO, tmp_path / "short.mkv", 10)
    there = followed(config("device", batch=3), short)
    same_ids(followed(config("host"), short), there)
    embeddings = there[5].embeddings
    assert embeddings is not None
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)


@pytest.mark.long
@pytest.mark.shared
@pytest.mark.timeout(1500)
@pytest.mark.parametrize(
    "sequence", [("multicam", "PETS09-S2L1", "view001.mp4"), ("mot", "TUD-Campus")]
)
def test_sequences_have_the_same_people(sequence: tuple[str, ...], tmp_path: Path) -> None:
    short = clip(shared("data", *sequence), tmp_path / "short.mkv", 71)
    same_ids(followed(config("host"), short), followed(config("device"), short))


def test_arrays_are_for_the_cpu_and_for_what_is_not_torch() -> None:
    class Replay:
        """A detector without a network."""

    detector: object = Replay()
    assert device_path("auto", detector, None) is None  # type: ignore[arg-type]
    assert device_path("host", detector, None) is None  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"frames_on = device: the detector is no YOLO in torch"):
        device_path("device", detector, None)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="frames_on = gpu: expected one of auto, host, device"):
        device_path("gpu", detector, None)  # type: ignore[arg-type]


def test_a_gpu_that_gets_arrays_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    class Exported:
        """A detector that runs on a GPU, but not in torch."""

        device = "cuda:0"

    assert device_path("auto", Exported(), None) is None  # type: ignore[arg-type]
    assert "frames go through the host's memory, which is slower: the detector" in caplog.text
