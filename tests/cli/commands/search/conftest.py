"""A gallery and a video for the tests of searching."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reid_tracker.match.gallery.embedded.store import EmbeddedStore
from reid_tracker.match.gallery.records import EventRecord, SightingRecord
from tests.cli.commands.search.searches import ENCODER, NOON
from tests.conftest import walker_boxes
from tests.match.gallery.samples import sighting


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A gallery in which one person was seen three times, and person 8 was merged into them."""
    path = tmp_path / "gallery.sqlite"
    with EmbeddedStore(path) as store:
        store.write(
            [
                sighting("late", 7, "yard", start_s=NOON + 7200, end_s=NOON + 7210),
                sighting("early", 7, "door", start_s=NOON, end_s=NOON + 10),
                sighting("other", 9, "door", start_s=NOON, end_s=NOON + 10),
                sighting("merged", 8, "hall", start_s=NOON + 3600, end_s=NOON + 3610, site="south"),
            ],
            [EventRecord("m", "merge", 7, 0.0, (8,))],
            {"early": b"a picture"},
        )
    monkeypatch.setenv("REID_TRACKER_GALLERY", str(path))
    return path


@pytest.fixture
def seen(
    path: Path, walkers: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, list[object]]:
    """A video of two walkers, who are 1 and 2 in the gallery, and the arguments for a search."""
    import cv2

    from reid_tracker.config import EncoderConfig
    from reid_tracker.encode import build_encoder
    from reid_tracker.encode.fingerprint import model_fingerprint
    from reid_tracker.video import open_source

    video, detections = walkers
    config = EncoderConfig(model=ENCODER, device="cpu")
    with open_source(str(video)) as source:
        frame = next(iter(source))
    rows = build_encoder(config).encode(frame.image, walker_boxes(0))
    picture = path.with_name("frame.png")
    cv2.imwrite(str(picture), frame.image)
    model = model_fingerprint(config)
    with EmbeddedStore(path) as store:
        store.purge()
        store.write([_walker(number, row, model) for number, row in enumerate(rows, 1)])
    words = ["--encoder", ENCODER, "--device", "cpu", "--detector", detections]
    return video, [picture, *words]


def _walker(number: int, row: np.ndarray, model: str) -> SightingRecord:
    return sighting(f"walker {number}", number, embeddings=row[None], model=model)
