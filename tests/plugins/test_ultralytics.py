from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime
import pytest

from reid_tracker import Detections, build_tracker
from reid_tracker.encode import build_encoder
from reid_tracker.encode.preprocess import IMAGENET
from reid_tracker.errors import (
    ConfigError,
    InputError,
    MissingDependencyError,
    OutputError,
    WeightsError,
)
from reid_tracker.plugins import hosts
from reid_tracker.plugins.ultralytics import (
    TrackerEncoder,
    _equip,
    attach,
    export,
    from_results,
    to_results,
)
from tests.conftest import ROOT
from tests.encode.samples import tiny_onnx
from tests.plugins.samples import COLOUR, colours, encoder, host, rows_of, scene, tud_campus


def test_detections_are_centres_and_sizes_in_float64() -> None:
    rows = TrackerEncoder(colours())(
        scene(), np.array([[50, 55, 40, 70, 0], [110, 25, 20, 50, 1.0]])
    )
    np.testing.assert_allclose(rows[0], COLOUR, atol=1e-6)
    assert rows[1].argmax() == 0
    assert TrackerEncoder(colours())(scene(), np.empty((0, 5))) == []
    oriented = TrackerEncoder(colours())(scene(), np.array([[50, 55, 40, 70, 0, 0]]))
    np.testing.assert_allclose(oriented[0], COLOUR, atol=1e-6)


def test_wrong_use_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"shape \(1, 4\), expected \(N, 5\): centre x"):
        TrackerEncoder(colours())(scene(), np.ones((1, 4)))
    with pytest.raises(InputError, match="results are a list of 1: expected the Results of one"):
        from_results([object()])
    with pytest.raises(InputError, match="without boxes"):
        from_results(SimpleNamespace(boxes=None, obb=None))
    with pytest.raises(ConfigError, match=r"tracker=\"botsort.yaml\""):
        _equip(SimpleNamespace(), TrackerEncoder(colours()))
    monkeypatch.setattr(hosts, "version", lambda package: "8.4.0")
    with pytest.raises(InputError, match="expected a model of ultralytics"):
        attach("yolo11n.pt", colours())
    monkeypatch.setattr(hosts, "version", lambda package: "8.3.200")
    with pytest.raises(MissingDependencyError, match=r"8\.3\.200 is too old"):
        attach("yolo11n.pt", colours())


def test_the_exported_file_takes_what_ultralytics_feeds(tmp_path: Path) -> None:
    given = tiny_onnx(tmp_path / "reid.onnx", size=(64, 32))
    export(given, tmp_path / "ultralytics.onnx")
    pictures = np.random.default_rng(0).random((3, 3, 64, 32), np.float32)
    scaled = pictures * 255 * IMAGENET.scale[:, None, None] + IMAGENET.offset[:, None, None]
    old, new = (
        onnxruntime.InferenceSession(str(tmp_path / name), providers=["CPUExecutionProvider"])
        for name in ("reid.onnx", "ultralytics.onnx")
    )
    expected = old.run(None, {"images": scaled})[0]
    np.testing.assert_allclose(new.run(None, {"images": pictures})[0], expected, atol=1e-4)
    with pytest.raises(OutputError, match="exists already"):
        export(given, tmp_path / "ultralytics.onnx")
    with pytest.raises(WeightsError, match="not a readable ONNX file"):
        export(tmp_path / "none.onnx", tmp_path / "out.onnx")


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize("kind", ["botsort", "deepocsort"])
def test_ids_are_those_with_embeddings_by_hand(kind: str) -> None:
    trackers, results = host("ultralytics.trackers.track"), host("ultralytics.engine.results")
    loading = host("ultralytics.utils")
    file = Path(trackers.__file__).parents[1] / "cfg" / "trackers" / f"{kind}.yaml"
    options = {**loading.YAML.load(file), "device": "cpu"}
    make = trackers.TRACKER_MAP[kind]
    plugged = make(loading.IterableSimpleNamespace(**options | {"with_reid": False}))
    _equip(plugged, TrackerEncoder(encoder()))
    # With model="auto" the tracker takes the embeddings that it is given.
    given = options | {"with_reid": True, "model": "auto"}
    by_hand = make(loading.IterableSimpleNamespace(**given))
    seen = set()
    for image, found, embeddings in tud_campus():
        boxes = results.Boxes(rows_of(found), image.shape[:2])
        got = plugged.update(boxes, image)
        expected = by_hand.update(boxes, image, embeddings)
        assert got[:, [4, 7]].tolist() == expected[:, [4, 7]].tolist()
        seen |= set(got[:, 4])
    assert len(seen) >= 3


class Counting:
    """An encoder that counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def encode(self, image: Any, boxes: Any) -> Any:
        self.calls += 1
        return encoder().encode(image, boxes)


@pytest.mark.slow
@pytest.mark.shared
def test_attached_to_a_model_it_is_called_in_every_video() -> None:
    yolo = host("ultralytics").YOLO(ROOT / "weights" / "person_yolo11n.pt")
    counting: Any = Counting()
    attach(yolo, counting)
    images = [image for image, _, _ in tud_campus()[:4]]
    options: dict[str, Any] = {"verbose": False, "device": "cpu", "tracker": "botsort.yaml"}
    for image in images:
        (result,) = yolo.track(image, persist=True, **options)
    assert counting.calls >= len(images)
    assert result.boxes.id is not None
    assert len(from_results(result)) == len(result.boxes)
    before = counting.calls
    yolo.track(images[0], persist=False, **options)
    assert counting.calls > before
    with pytest.raises(ConfigError, match="BYTETracker compares no appearance"):
        yolo.track(images[0], persist=False, **options | {"tracker": "bytetrack.yaml"})


@pytest.mark.slow
@pytest.mark.shared
def test_the_exported_file_gives_our_embeddings_inside_ultralytics(tmp_path: Path) -> None:
    """Not the same ones: it widens boxes and resizes in another way."""
    reid = host("ultralytics.trackers.utils.reid")
    export(ROOT / "weights" / "osnet_x0_25_cuhk03.onnx", tmp_path / "ul.onnx")
    theirs = reid.ReID(str(tmp_path / "ul.onnx"), device="cpu")
    image, found, embeddings = tud_campus()[0]
    sides = found.boxes[:, 2:] - found.boxes[:, :2]
    rows = np.column_stack([found.boxes[:, :2] + sides / 2, sides, np.arange(len(found))])
    got = np.stack(theirs(image, rows))
    got /= np.linalg.norm(got, axis=1, keepdims=True)
    assert ((got * embeddings).sum(axis=1) > 0.85).all()
    ours = build_encoder(tmp_path / "ul.onnx", device="cpu")
    assert ours.embedding_size == got.shape[1]


@pytest.mark.slow
def test_results_hold_our_tracks_and_draw_them() -> None:
    image = np.full((120, 160, 3), 90, np.uint8)
    tracker = build_tracker()
    boxes = np.array([[10, 10, 50, 110], [90, 20, 130, 118]], np.float32)
    embeddings = np.eye(2, 8, dtype=np.float32)
    found = Detections(boxes, np.array([0.9, 0.8], np.float32), np.array([0, 3]))
    tracks = tracker.update(found, embeddings, 0.0)
    results = to_results(tracks, image)
    assert results.boxes.id.int().tolist() == tracks.ids.tolist()
    np.testing.assert_allclose(results.boxes.xyxy, tracks.boxes, atol=1e-3)
    np.testing.assert_allclose(results.boxes.conf, tracks.scores, atol=1e-6)
    assert [results.names[int(number)] for number in results.boxes.cls] == ["person", "3"]
    assert to_results(tracks, image, {3: "car"}).names[3] == "car"
    drawn = results.plot()
    assert (drawn != image).any()
    assert from_results(results).boxes.shape == (2, 4)
    empty = to_results(tracker.update(Detections.empty(), embeddings[:0], 9.0), image)
    assert empty.boxes.id is None or len(empty.boxes.id) == 0
    assert empty.plot().shape == image.shape
