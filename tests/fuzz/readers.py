"""Fuzz target: files of data: MOTChallenge text, JSON lines, CSV, exports of galleries, labels."""

from __future__ import annotations

import functools
import gzip
import shutil

import numpy as np

from reid_tracker.cli.commands.ground.people import frame_times
from reid_tracker.detect.replay import ReplayDetector
from reid_tracker.errors import ReidTrackerError
from reid_tracker.evaluate.mot import (
    evaluate_mot,
    find_sequences,
    follow,
    read_result,
    read_truth,
    scored_frames,
)
from reid_tracker.evaluate.multi_camera import CameraResult, evaluate_multi_camera
from reid_tracker.evaluate.multi_camera_text import read_tracks
from reid_tracker.explain.curves import read_curve
from reid_tracker.match.gallery.embedded.store import EmbeddedStore
from reid_tracker.match.gallery.records import EventRecord
from reid_tracker.match.gallery.transfer import export_gallery, import_gallery
from reid_tracker.train.datasets import open_dataset
from reid_tracker.train.detector.pictures import read_yolo_pictures
from reid_tracker.video import open_source
from reid_tracker.zoo.entry import Entry
from reid_tracker.zoo.pins import expected, pins_file
from tests.fuzz.files import folder, written
from tests.fuzz.harness import Target
from tests.match.gallery.samples import person, sighting, views

_IMAGE = np.zeros((8, 8, 3), np.uint8)
_ENTRY = Entry(
    name="a",
    task="detector",
    file="a.onnx",
    url="https://example.com/a.onnx",
    source="somebody",
    licence="MIT",
)
_MOST_BOXES = 60
"""Scored in one input: scoring many takes long, and reading is what is tried."""


def detections(data: bytes) -> None:
    """Replay a MOTChallenge file."""
    detector = ReplayDetector(written(data, "det.txt"))
    for index in (0, 1, 2**31 - 2):
        detector.detect(_IMAGE, index)


def tracks(data: bytes) -> None:
    """Read tracks of several cameras, and score them against themselves."""
    found = read_tracks(written(data, "tracks.txt"))
    if 0 < sum(len(boxes.frames) for boxes in found.values()) <= _MOST_BOXES:
        with np.errstate(all="ignore"):
            evaluate_multi_camera({name: CameraResult(one, one) for name, one in found.items()})


def mot_tracks(data: bytes) -> None:
    """Read tracks of one camera, and score them against themselves."""
    path = written(data, "mot.txt")
    truth, found = read_truth(path), read_result(path)
    if 0 < len(found.frames) <= _MOST_BOXES:
        frames = scored_frames(truth, found, "MOT15" if truth.classes is None else "MOT20")
        switches = sum(len(person.switches) for person in follow(frames))
        assert switches == evaluate_mot({"mot": frames}).combined.switches


def frame_lines(data: bytes) -> None:
    """Read the times of frames from JSON lines of a run."""
    assert all(np.isfinite(time_s) for _, time_s in frame_times(written(data, "door.jsonl")))


def mot_sequence(data: bytes) -> None:
    """Find a sequence whose seqinfo.ini is the input."""
    root = folder() / "mot"
    if not root.is_dir():
        (root / "gt").mkdir(parents=True)
        (root / "gt" / "gt.txt").touch()
    (root / "seqinfo.ini").write_bytes(data)
    (found,) = find_sequences([root])
    assert found.length is not None
    assert found.length > 0


@functools.cache
def _store() -> EmbeddedStore:
    return EmbeddedStore(folder() / "gallery.sqlite")


def gallery(data: bytes) -> None:
    """Import a gallery."""
    store = _store()
    try:
        import_gallery(store, written(data, "gallery.jsonl"))
    except ReidTrackerError:
        info = store.info()
        assert not info.sightings + info.events, "a failed import left something behind"
        raise
    assert len(store.sightings()) == store.info().sightings
    store.events()
    store.purge()


def packed_gallery(data: bytes) -> None:
    """Import a gallery of a compressed file: the input, compressed."""
    gallery(gzip.compress(data, 1))


def curve(data: bytes) -> None:
    """Read the figures of a training run."""
    read_curve(written(data, "metrics.jsonl")).phases()


def csv_dataset(data: bytes) -> None:
    """Read a list of pictures."""
    open_dataset("csv", written(data, "people.csv"))


def msmt17(data: bytes) -> None:
    """Read the lists of MSMT17."""
    root = folder() / "msmt17"
    if not root.is_dir():
        for name in ("train", "test"):
            (root / name / "0000").mkdir(parents=True)
            (root / name / _MSMT17.split()[0].decode()).touch()
    for name in ("list_query.txt", "list_gallery.txt", "list_train.txt"):
        (root / name).write_bytes(data)
    open_dataset("msmt17", root)


def pins(data: bytes) -> None:
    """Read the checksums of earlier downloads."""
    pins_file(folder()).write_bytes(data)
    expected(_ENTRY, folder())


def labels(data: bytes) -> None:
    """Read labels of people in YOLO's form."""
    root = folder() / "yolo"
    if not root.is_dir():
        for name in ("images", "labels"):
            (root / name).mkdir(parents=True)
        shutil.copyfile(_picture(), root / "images" / "a.png")
    (root / "labels" / "a.txt").write_bytes(data)
    with np.errstate(all="ignore"):
        list(read_yolo_pictures(root))


def sequence(data: bytes) -> None:
    """Open a folder of pictures whose seqinfo.ini is the input."""
    root = folder() / "sequence"
    if not root.is_dir():
        root.mkdir()
        shutil.copyfile(_picture(), root / "000001.png")
    (root / "seqinfo.ini").write_bytes(data)
    with open_source(root) as source:
        assert source.info.frame_rate > 0


@functools.cache
def _picture() -> str:
    import cv2

    path = str(folder() / "picture.png")
    assert cv2.imwrite(path, _IMAGE)
    return path


def _gallery() -> bytes:
    path = folder() / "seed.sqlite"
    with EmbeddedStore(path) as store:
        store.write(
            [sighting("ä/1", 1, embeddings=views(person(1), 3)), sighting("b", 2)],
            [EventRecord("e1", "new", 1, 5.0, (), ("ä/1",), "nobody known", 0.5)],
            {"b": b"\xff\xd8 picture"},
        )
        store.write(events=[EventRecord("e2", "merge", 1, 6.0, (2,))])
        export_gallery(store, folder() / "seed.jsonl", crops=True, overwrite=True)
    path.unlink()
    return (folder() / "seed.jsonl").read_bytes()


_MOT = b"1,-1,794.27,247.59,71.245,174.88,0.95,-1,-1,-1\n1,-1,10,20,30,40,-1\n2,-1,5.5,6,7,8,0.5\n"
_TRACKS = b"""door 1 1 10 20 30 40 0 0
door 2 1 60 20 30 40
hall 1 7 10 20 30 40
# a remark
c,2,3,1,1,9,9
"""
_MOT17 = b"1,1,10,20,30,40,1,1,1\n1,2,90,20,30,40,1,7,0.5\n2,1,12,20,30,40,1,1,1\n"
_FRAMES = b'{"frame":0,"timestamp_s":0}\n{"frame":1,"timestamp_s":0.1,"tracks":[]}\n'
_CURVE = b'{"epoch":1,"height":128,"losses":{"total":3.2,"softmax":3.0},"lr":0.001,"rank1":0.5}\n'
_CSV = b"path,identity,camera,split\na.jpg,anna,1,train\nb.jpg,ben,2,query\nb2.jpg,ben,1,gallery\n"
_MSMT17 = b"0000/0000_000_01_0303morning_0008_0.jpg 0\n0001/0001_000_05_0303noon_0008_1.jpg 1\n"
_PINS = b'{"a": {"sha256": "' + b"ab" * 32 + b'", "size_bytes": 12345}}'
_SEQUENCE = b"[Sequence]\nname=MOT17-02\nimDir=img1\nframeRate=30\nseqLength=600\n"


def target() -> Target:
    """Return the target."""
    exported = _gallery()
    given = {
        detections: [_MOT, b"1,1,1,1,1,1,1\n" * 2000, b"2147483648,1,1,1,1,1,1"],
        tracks: [_TRACKS, b"c 1 9e18 1 1 1 1\nc 1 1 1 1 1 1\n", b"c 1 1 1e308 1 1e308 1\n"],
        mot_tracks: [_MOT.replace(b",-1,", b",7,", 1), _MOT17, b"1,9e18,1,1,1,1\n1,1,1,1,1,1\n"],
        frame_lines: [_FRAMES, b"[" * 50_000, _FRAMES.replace(b"0.1", b"1e999")],
        mot_sequence: [_SEQUENCE, _SEQUENCE.replace(b"600", b"9" * 5000)],
        gallery: [exported, b"[" * 50_000],
        packed_gallery: [exported, b" " * 100_000],
        curve: [_CURVE, _CURVE * 50, b"[" * 50_000],
        csv_dataset: [_CSV, _CSV.replace(b"anna", b'"an\n""na"')],
        msmt17: [_MSMT17],
        pins: [_PINS, b'{"a":' * 20_000],
        labels: [b"0 0.5 0.5 0.1 0.2\n1 0.2 0.3 0.1 0.1\n"],
        sequence: [_SEQUENCE, _SEQUENCE.replace(b"30", b"30000/1001")],
    }
    return Target(
        "readers",
        {reader.__name__: reader for reader in given},
        {reader.__name__: seeds for reader, seeds in given.items()},
    )
