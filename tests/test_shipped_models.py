"""The models that the project ships: whole, found by "auto" without a network, and good enough."""

from __future__ import annotations

import itertools
from pathlib import Path

import av
import numpy as np
import pytest

from reid_tracker import build_detector, build_encoder, open_source, zoo
from reid_tracker.cli.main import main
from reid_tracker.config import DetectorConfig
from reid_tracker.evaluate import precision_recall_f1
from reid_tracker.resources import shipped
from tests.benchmarks.detector_scores import SCENES, evaluate
from tests.benchmarks.mot_scores import read_mot
from tests.conftest import ROOT, shared

OWN = [entry for entry in zoo.load_manifest().entries if entry.shipped]
DEMO = ROOT / "demo" / "pedestrians.mp4"


def own(task: str, *, cpu_form: bool) -> str:
    """Return the name of the best of a form; there is a narrower encoder, too."""
    ranked = [(e.rank, e.name) for e in OWN if e.task == task and e.cpu_form == cpu_form]
    return min(ranked)[1]


def test_files_are_those_of_the_manifest_and_small() -> None:
    assert {verdict.entry.name for verdict in zoo.verify()} == {entry.name for entry in OWN}
    assert [verdict.wrong for verdict in zoo.verify()] == [None] * len(OWN)
    for entry in OWN:
        assert entry.size_bytes is not None
        assert entry.size_bytes < {"encoder": 3_000_000, "detector": 6_000_000}[entry.task]
        assert entry.licence
        assert entry.figures


def test_files_tell_nothing_of_the_machine_that_made_them() -> None:
    files = [path for path in shipped("weights").rglob("*") if path.is_file()]
    assert len(files) >= 6
    for path in files:
        content = path.read_bytes()
        for word in (b"/root", b"/home/", b"/tmp/", b"runs/"):
            assert word not in content, path


@pytest.mark.parametrize("task", ["detector", "encoder"])
@pytest.mark.parametrize("on_cpu", [True, False])
def test_auto_takes_them_on_a_fresh_machine(task: str, on_cpu: bool) -> None:
    found = zoo.best(task, on_cpu=on_cpu)
    assert found is not None
    assert found[0].name == own(task, cpu_form=on_cpu)


@pytest.mark.slow
def test_both_forms_of_the_encoder_agree_and_a_channel_swap_shows() -> None:
    with open_source(str(DEMO)) as source:
        image = next(iter(source)).image
    boxes = build_detector("auto", device="cpu").detect(image).boxes
    assert len(boxes) >= 2
    fast, plain = (
        build_encoder(own("encoder", cpu_form=form), device="cpu") for form in (True, False)
    )
    rows = fast.encode(image, boxes)
    np.testing.assert_allclose(rows, plain.encode(image, boxes), atol=1e-4)
    swapped = fast.encode(np.ascontiguousarray(image[..., ::-1]), boxes)
    assert (rows * swapped).sum(1).max() < 0.98


@pytest.mark.slow
def test_both_forms_of_the_detector_agree() -> None:
    fast, plain = (
        build_detector(own("detector", cpu_form=form), device="cpu", conf=0.4)
        for form in (True, False)
    )
    with open_source(str(DEMO), stride=200) as source:
        counts = [
            (len(fast.detect(frame.image)), len(plain.detect(frame.image))) for frame in source
        ]
    assert all(abs(first - second) <= 2 for first, second in counts)
    assert sum(first for first, _ in counts) >= 3 * len(counts)


@pytest.mark.slow
@pytest.mark.timeout(0)  # a busy machine takes as long as it takes
def test_demo_clip_is_tracked_with_stable_ids(tmp_path: Path) -> None:
    """README's first command, on the first 120 frames, in which about ten people appear."""
    clip = first_frames(DEMO, 120, tmp_path / "clip.mp4")
    assert main([str(clip), "-o", str(tmp_path / "out"), "--quiet"]) == 0
    rows = read_mot(tmp_path / "out" / "clip.txt")
    ids, frames = np.unique(rows[:, 1], return_counts=True)
    assert 6 <= len(ids) <= 15
    assert np.median(frames) > 30
    assert 110 < rows[:, 0].max() <= 120
    assert (tmp_path / "out" / "clip.mp4").stat().st_size > 100_000


def first_frames(source: Path, count: int, path: Path) -> Path:
    """Copy the first frames of a video without decoding them."""
    with av.open(str(source)) as whole, av.open(str(path), "w") as part:
        stream = part.add_stream_from_template(whole.streams.video[0])
        packets = (packet for packet in whole.demux(video=0) if packet.size)
        for packet in itertools.islice(packets, count):
            packet.stream = stream
            part.mux(packet)
    return path


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize(("scene", "least"), [("PETS09-S2L1", 0.82), ("TUD-Campus", 0.70)])
def test_people_are_detected(scene: str, least: float) -> None:
    """Bar 3 of the shipped models: F1 at IoU 0.5 and the default confidence, every frame."""
    shared("data", "mot")
    result = evaluate(build_detector("auto", conf=0.01, device="cpu"), SCENES[scene], every=1)
    confidence = [DetectorConfig().confidence]
    (three,) = precision_recall_f1(result.scores, result.hits, result.truths, confidence)
    assert three[2] >= least
